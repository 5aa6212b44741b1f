#!/bin/sh
# Make Classifold-x86_64.AppImage from dist/Classifold. Needs appimagetool on the PATH. Run in the repository root.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir -p "$folder/usr/bin"
cp -a dist/Classifold "$folder/usr/bin/"
cp resources/packaging/classifold.desktop "$folder/"
cp resources/app.svg "$folder/classifold.svg"
printf '#!/bin/sh\nexec "$APPDIR/usr/bin/Classifold/Classifold" "$@"\n' > "$folder/AppRun"
chmod +x "$folder/AppRun"
appimagetool "$folder" dist/Classifold-x86_64.AppImage
