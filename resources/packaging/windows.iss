; Inno Setup 6: iscc /DVersion=0.1.0 resources\packaging\windows.iss, after pyinstaller pyinstaller.spec
#ifndef Version
  #error Give the version: iscc /DVersion=0.1.0
#endif

[Setup]
AppId={{6F1B0E6B-7C0D-4F7E-9B0E-2B6B5C3D9A11}
AppName=Classifold
AppVersion={#Version}
DefaultDirName={autopf}\Classifold
DefaultGroupName=Classifold
PrivilegesRequired=lowest
PrivilegesRequiredOverridesAllowed=dialog
ArchitecturesAllowed=x64compatible
ArchitecturesInstallIn64BitMode=x64compatible
SourceDir=..\..
OutputDir=dist
OutputBaseFilename=Classifold-{#Version}-setup
LicenseFile=LICENSE
UninstallDisplayIcon={app}\Classifold.exe
Compression=lzma2
SolidCompression=yes
; SignTool=sign  (see docs/packaging.md)

[Files]
Source: "dist\Classifold\*"; DestDir: "{app}"; Flags: recursesubdirs ignoreversion

[Icons]
Name: "{group}\Classifold"; Filename: "{app}\Classifold.exe"

[Run]
Filename: "{app}\Classifold.exe"; Description: "Open Classifold"; Flags: nowait postinstall skipifsilent
