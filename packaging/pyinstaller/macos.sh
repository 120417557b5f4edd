#!/bin/sh
# Signs dist/homeapp.app, makes dist/homeapp.dmg and has it notarised. NOT TESTED.
#
# SIGNING_IDENTITY: a "Developer ID Application" certificate in the keychain.
# NOTARY_PROFILE: what `xcrun notarytool store-credentials` has kept in the keychain.
set -eu
: "${SIGNING_IDENTITY:?}" "${NOTARY_PROFILE:?}"
codesign --force --deep --options runtime --timestamp --sign "$SIGNING_IDENTITY" dist/homeapp.app
codesign --verify --deep --strict dist/homeapp.app
hdiutil create -volname homeapp -srcfolder dist/homeapp.app -ov -format UDZO dist/homeapp.dmg
xcrun notarytool submit dist/homeapp.dmg --keychain-profile "$NOTARY_PROFILE" --wait
xcrun stapler staple dist/homeapp.dmg
