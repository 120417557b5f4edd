#!/usr/bin/env bash
# Proves the Debian packages in a bare Debian 12: install, run, demonstrate, upgrade, remove, purge. Run as root.
#
#   packaging/test-deb.sh [DIRECTORY]     DIRECTORY with the packages; without one they are built first (make deb)
#
# BASE: a tar of a bare bookworm to begin with (made there where it does not exist). PYTHON: as for build.sh.
# EVIDENCE: where pictures and reports go (default build/test-deb). QUICK=1 leaves the demonstration out.
set -euo pipefail
cd "$(dirname "$0")/.."
[ "$(id -u)" -eq 0 ] || { echo "test-deb.sh makes a chroot: run it as root." >&2; exit 1; }
for tool in debootstrap dpkg-deb; do
    command -v $tool >/dev/null || { echo "test-deb.sh needs $tool: apt-get install $tool" >&2; exit 1; }
done
python=${PYTHON:-.venv/bin/python} evidence=${EVIDENCE:-build/test-deb} base=${BASE:-build/bookworm.tar}
packages=${1:-dist}
[ $# -gt 0 ] || packaging/deb/build.sh
mkdir -p "$evidence" "$(dirname "$base")"
work=$(mktemp -d) hub=
root=$work/root

finish() {
    if [ -n "$hub" ]; then
        kill "$hub" 2>/dev/null || true
        wait "$hub" || true
    fi
    umount -q "$root/proc" "$root/dev/shm" "$root/dev/pts" "$root/dev" "$root/sys" 2>/dev/null || true
    # Never through a mount that is still there.
    if ! grep -q " $root/" /proc/mounts; then rm -rf "$work"; fi
}
trap finish EXIT
say() { printf '== %s\n' "$*"; }
fail() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }
in_chroot=(env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 TERM=dumb
    DEBIAN_FRONTEND=noninteractive chroot "$root")
as_homeapp=("${in_chroot[@]}" setpriv --reuid homeapp --regid homeapp --clear-groups
    env CREDENTIALS_DIRECTORY=/run/credentials)
inside() { "${in_chroot[@]}" "$@"; }
apt() { inside apt-get -qq -o Dpkg::Use-Pty=0 -o APT::Sandbox::User=root "$@" 2>&1 | { grep -v '^debconf: ' || true; } | tail -n 25; }

no_library_is_missing() {
    local missing
    missing=$(inside sh -c 'find /opt/homeapp -name "*.so*" -type f -exec ldd {} + 2>/dev/null' | grep 'not found' | sort -u || true)
    [ -z "$missing" ] || fail "libraries are missing: $missing"
}

if [ ! -f "$base" ]; then
    say "a bare bookworm"
    mirror=$(grep -hoE 'https?://[^ ]+/debian/?( |$)' /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | head -1 | tr -d ' ' || true)
    debootstrap --variant=minbase --include=ca-certificates bookworm "$work/base" ${mirror:+"$mirror"} >"$evidence/debootstrap.log"
    tar -C "$work/base" -cf "$base" .
    rm -rf "$work/base"
fi
mkdir "$root"
tar -C "$root" -xf "$base"
for file in /etc/resolv.conf /etc/hosts /etc/apt/apt.conf.d/99*; do
    [ ! -e "$file" ] || cp -L "$file" "$root$file"
done
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
mount --bind /dev "$root/dev"
mount --bind /dev/pts "$root/dev/pts"
mount -t tmpfs tmpfs "$root/dev/shm"
mount -t proc proc "$root/proc"
mount --bind /sys "$root/sys"
# Nothing is started in a chroot: its services would run on this machine.
printf '#!/bin/sh\nexit 101\n' > "$root/usr/sbin/policy-rc.d"
chmod +x "$root/usr/sbin/policy-rc.d"
mkdir -p "$root/srv/packages" "$root/srv/tests"
cp "$packages"/homeapp_*.deb "$packages"/homeapp-demo_*.deb "$root/srv/packages"
cp tests/ui/*.py tests/ui/no-fonts.conf packaging/deb/take_pictures.py "$root/srv/tests"
deb=$(cd "$root/srv/packages" && echo homeapp_*.deb) demo_deb=$(cd "$root/srv/packages" && echo homeapp-demo_*.deb)
version=$(dpkg-deb -f "$root/srv/packages/$deb" Version)

say "sizes"
for package in "$root"/srv/packages/*.deb; do
    size=$(($(stat -c %s "$package") / 1000000)) installed=$(($(dpkg-deb -f "$package" Installed-Size) * 1024 / 1000000))
    echo "$(basename "$package"): $size MB, installed $installed MB"
    case $(basename "$package") in
    homeapp_*) [ $size -le 70 ] && [ $installed -le 250 ] || fail "larger than 70 MB, or 250 MB installed" ;;
    esac
done

say "install, with nothing but what the package depends on"
apt update
apt install --no-install-recommends "/srv/packages/$deb" | grep '^homeapp: '
inside homeapp --version
inside sh -c 'dpkg -V homeapp' || fail "files are not as packed"
no_library_is_missing
[ "$(inside stat -c '%U %a' /var/lib/homeapp)" = "homeapp 700" ] || fail "/var/lib/homeapp belongs to somebody else"

say "the hub as its own user, with a key for its secrets from systemd"
apt install --no-install-recommends systemd >/dev/null
inside systemd-machine-id-setup >/dev/null 2>&1
inside /usr/libexec/homeapp/make-credential
[ "$(inside stat -c '%U %a' /etc/credstore.encrypted/homeapp-master-key)" = "root 600" ] || fail "the key is open to others"
inside sh -c 'install -d -m 0700 -o homeapp /run/credentials && systemd-creds decrypt /etc/credstore.encrypted/homeapp-master-key /run/credentials/homeapp-master-key 2>/dev/null && chown homeapp /run/credentials/homeapp-master-key'
printf '[ocpp]\nhost = "127.0.0.1"\nport = 0\n[discovery]\ninterfaces = ["127.0.0.1"]\n' | "${as_homeapp[@]}" tee /var/lib/homeapp/settings.toml >/dev/null
# Not through a function: its process has to be the hub itself.
"${as_homeapp[@]}" homeapp hub >"$evidence/hub.log" 2>&1 &
hub=$!
grep -q -m1 'hub is ready in /var/lib/homeapp' < <(timeout 60 tail -n +1 -F --pid "$hub" "$evidence/hub.log" 2>/dev/null) || fail "the hub does not start; see $evidence/hub.log"
"${as_homeapp[@]}" homeapp doctor --json >"$evidence/doctor.json" || true
grep -q '"name":"Secrets","level":"ok"' <(tr -d ' \n' <"$evidence/doctor.json") || fail "the doctor does not like the secrets; see $evidence/doctor.json"
kill -TERM "$hub"
wait "$hub" || fail "the hub did not end well"
hub=
[ -f "$root/var/lib/homeapp/secrets.sealed" ] || fail "no secret has been sealed"

say "units"
apt install --no-install-recommends cage xwayland >/dev/null
inside systemd-analyze verify --man=no /lib/systemd/system/homeapp-{credential,hub,kiosk}.service
for unit in credential hub kiosk; do
    inside systemd-analyze security --offline=yes "/lib/systemd/system/homeapp-$unit.service" >"$evidence/security-$unit.txt"
    tail -1 "$evidence/security-$unit.txt"
done

say "pictures, inside and outside"
rm -rf "$evidence/outside" "$evidence/inside"
PYTHONSAFEPATH=1 PYTHONPATH=$PWD:$PWD/tests/ui QT_QPA_PLATFORM=offscreen FONTCONFIG_FILE=$PWD/tests/ui/no-fonts.conf \
    "$python" packaging/deb/take_pictures.py "$evidence/outside"
inside env PYTHONSAFEPATH=1 PYTHONPATH=/srv/tests QT_QPA_PLATFORM=offscreen FONTCONFIG_FILE=/srv/tests/no-fonts.conf \
    /opt/homeapp/bin/python3 /srv/tests/take_pictures.py /srv/pictures
cp -r "$root/srv/pictures" "$evidence/inside"
for picture in "$evidence"/outside/*.png; do
    cmp "$picture" "$evidence/inside/$(basename "$picture")" || fail "$(basename "$picture") is drawn differently"
done
echo "$(find "$evidence/outside" -name '*.png' | wc -l) pictures are the same"

say "the screen on other platforms"
apt install --no-install-recommends weston xvfb xauth >/dev/null
cp packaging/deb/screen_platforms.sh "$root/srv/tests"
inside sh /srv/tests/screen_platforms.sh /srv/platforms

say "the demonstration"
apt install --no-install-recommends "/srv/packages/$demo_deb" >/dev/null
no_library_is_missing
if [ -z "${QUICK:-}" ]; then
    inside useradd --create-home visitor
    inside setpriv --reuid visitor --regid visitor --clear-groups env HOME=/home/visitor homeapp demo --check >"$evidence/demo.txt" || { tail -20 "$evidence/demo.txt"; fail "the demonstration"; }
    echo "$(grep -c '^ok' "$evidence/demo.txt") steps of the use case seen"
fi

say "upgrade"
before=$(inside sh -c 'cd /var/lib/homeapp && find . -type f -exec sha256sum {} + | sort')
mkdir "$work/next"
for name in homeapp homeapp-demo; do
    dpkg-deb -R "$root/srv/packages/${name}_${version}_amd64.deb" "$work/next/$name"
    sed -i "s/\b${version//./\\.}\b/$version+next/" "$work/next/$name/DEBIAN/control"
    dpkg-deb -Zgzip -z1 --root-owner-group -b "$work/next/$name" "$root/srv/packages/next-$name.deb" >/dev/null
    rm -rf "$work/next/$name"
done
apt install --no-install-recommends /srv/packages/next-homeapp.deb /srv/packages/next-homeapp-demo.deb
[ "$(inside dpkg-query -W -f '${Version}' homeapp)" = "$version+next" ] || fail "not upgraded"
[ "$(inside sh -c 'cd /var/lib/homeapp && find . -type f -exec sha256sum {} + | sort')" = "$before" ] || fail "data has changed by the upgrade"
rm "$root"/srv/packages/next-*.deb

say "remove"
apt remove homeapp-demo homeapp
[ ! -e "$root/opt/homeapp" ] || fail "/opt/homeapp remains: $(find "$root/opt/homeapp" | head -5)"
[ ! -e "$root/usr/bin/homeapp" ] || fail "the command remains"
[ "$(inside sh -c 'cd /var/lib/homeapp && find . -type f -exec sha256sum {} + | sort')" = "$before" ] || fail "data has gone by the removal"
say "install again: the data is there"
apt install --no-install-recommends "/srv/packages/$deb"
[ "$(inside sh -c 'cd /var/lib/homeapp && find . -type f -exec sha256sum {} + | sort')" = "$before" ] || fail "data has gone by the new installation"
say "purge"
apt purge homeapp
for path in /opt/homeapp /var/lib/homeapp /etc/credstore.encrypted/homeapp-master-key /etc/pam.d/homeapp-kiosk; do
    [ ! -e "$root$path" ] || fail "$path remains"
done
! inside getent passwd homeapp || fail "the user remains"
say "all good; pictures and reports are in $evidence"
