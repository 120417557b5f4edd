; Inno Setup: an installer from dist\homeapp. NOT TESTED.
;   iscc /DVersion=0.1.0 packaging\pyinstaller\windows.iss
[Setup]
AppName=homeapp
AppVersion={#Version}
AppPublisher=homeapp developers
DefaultDirName={autopf}\homeapp
DefaultGroupName=homeapp
PrivilegesRequired=lowest
ArchitecturesAllowed=x64compatible
ArchitecturesInstallIn64BitMode=x64compatible
SourceDir=..\..
LicenseFile=LICENSE
OutputDir=dist
OutputBaseFilename=homeapp-{#Version}-setup
Compression=lzma2
SolidCompression=yes

[Files]
Source: "dist\homeapp\*"; DestDir: "{app}"; Flags: recursesubdirs

[Icons]
Name: "{group}\homeapp"; Filename: "{app}\homeapp.exe"
