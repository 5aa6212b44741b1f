#!/bin/sh
# Sign dist/Classifold.app, make Classifold.dmg from it and notarise it. Run in the repository root on a Mac.
# Requires IDENTITY ("Developer ID Application: ...") and PROFILE (stored by `xcrun notarytool store-credentials`).
set -eu
codesign --deep --force --options runtime --timestamp \
    --entitlements resources/packaging/entitlements.plist --sign "$IDENTITY" dist/Classifold.app
codesign --verify --deep --strict dist/Classifold.app
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
ditto dist/Classifold.app "$folder/Classifold.app"
ln -s /Applications "$folder/Applications"
hdiutil create -volname Classifold -srcfolder "$folder" -format UDZO -ov dist/Classifold.dmg
codesign --timestamp --sign "$IDENTITY" dist/Classifold.dmg
xcrun notarytool submit dist/Classifold.dmg --keychain-profile "$PROFILE" --wait
xcrun stapler staple dist/Classifold.dmg
