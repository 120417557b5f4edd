#!/bin/sh
# Builds dist/homeapp_VERSION_amd64.deb and dist/homeapp-demo_VERSION_amd64.deb from the pinned wheels.
#
#   packaging/deb/build.sh          run from the top of the project, on Debian 12, amd64
#
# PYTHON: a CPython 3.11 with what requirements/dev.txt names (default .venv/bin/python).
# OUT: where the packages go (default dist). WORK: where they are put together (default build/deb).
# COMPRESSION: as dpkg-deb takes it (default xz).
set -eu
umask 022
here=packaging/deb
python=${PYTHON:-.venv/bin/python} out=${OUT:-dist} work=${WORK:-build/deb}
python=$(cd "$(dirname "$python")" && pwd)/$(basename "$python")
site=opt/homeapp/lib/python3.11/site-packages

for tool in dpkg-deb readelf gzip git; do
    command -v "$tool" >/dev/null || { echo "build.sh needs $tool: apt-get install dpkg binutils gzip git" >&2; exit 1; }
done
"$python" -c 'import sys, platform
sys.exit(sys.version_info[:2] != (3, 11) or (sys.platform, platform.machine()) != ("linux", "x86_64"))' || {
    echo "The package is for Debian 12 on amd64: $python has to be Python 3.11 on such a machine." >&2
    exit 1
}
version=$("$python" -c 'import tomllib; print(tomllib.load(open("pyproject.toml", "rb"))["project"]["version"])')
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH
day=$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%d)

rm -rf "$work"
root=$work/homeapp demo=$work/homeapp-demo
mkdir -p "$root/$site" "$demo/$site" "$root/DEBIAN" "$demo/DEBIAN" "$out"

install_pinned() { # REQUIREMENTS TARGET
    "$python" -m pip install --quiet --disable-pip-version-check --no-input --no-compile --no-deps --require-hashes \
        --only-binary=:all: --target "$2" -r "$1"
    rm -rf "$2/bin"
}

echo "== pinned wheels"
"$python" $here/pinned.py requirements/screen.txt --without pip > "$work/screen.txt"
"$python" $here/pinned.py requirements/demo.txt --without pip --without-those-of requirements/screen.txt > "$work/demo.txt"
install_pinned "$work/screen.txt" "$root/$site"
install_pinned "$work/demo.txt" "$demo/$site"
"$python" -m pip install --quiet --disable-pip-version-check --no-input --no-compile --no-deps --no-build-isolation \
    --target "$root/$site" .
rm -rf "$root/$site/bin"

echo "== what is not used is left out"
"$python" $here/trim_qt.py "$root/$site"
"$python" $here/trim_report.py "$root/$site"
for tree in "$root/$site" "$demo/$site"; do
    find "$tree" -type f \( -name '*.pyi' -o -name '*.pxd' -o -name '*.pyx' -o -name '*.c' -o -name '*.h' -o -name '*.a' \
        -o -path '*.dist-info/RECORD' -o -path '*.dist-info/direct_url.json' \) -delete
done
find "$root/$site/numpy" -depth -type d -name tests -exec rm -rf {} +
rm -rf "$root/$site/numpy/f2py" "$root/$site/numpy/distutils" "$root/$site/pyqtgraph/examples"
# Only numpy's own tests load it.
rm -f "$root/$site"/numpy/_core/_simd.*.so
find "$root" "$demo" -depth -type d -empty -path "*/$site/*" -delete

echo "== byte code"
"$python" -I -S -B $here/compile_used.py "$root" "$root/$site"
"$python" -m compileall -q -j 0 --invalidation-mode unchecked-hash -s "$demo" -p / "$demo/$site" || {
    echo "Some files of the demo's peers cannot be compiled." >&2
    exit 1
}

echo "== files of the system"
mkdir -p "$root/opt/homeapp/bin"
ln -s /usr/bin/python3.11 "$root/opt/homeapp/bin/python3"
printf 'home = /usr/bin\ninclude-system-site-packages = false\nversion = 3.11\n' > "$root/opt/homeapp/pyvenv.cfg"
share=$root/usr/share
install -D -m 0755 $here/launcher.sh "$root/usr/bin/homeapp"
install -D -m 0755 $here/make-credential.sh "$root/usr/libexec/homeapp/make-credential"
install -D -m 0644 -t "$root/lib/systemd/system" $here/units/*.service
install -D -m 0644 $here/kiosk.pam "$root/etc/pam.d/homeapp-kiosk"
install -D -m 0644 -t "$share/applications" $here/homeapp.desktop
install -D -m 0644 -t "$share/icons/hicolor/scalable/apps" $here/homeapp.svg
QT_QPA_PLATFORM=offscreen "$python" $here/make_icons.py $here/homeapp.svg "$share/icons/hicolor"
mkdir -p "$share/man/man1"
PYTHONPATH=$PWD "$python" $here/make_man_page.py "$day" | gzip -9n > "$share/man/man1/homeapp.1.gz"
install -D -m 0644 -t "$share/doc/homeapp" $here/copyright README.md docs/*.md
gzip -9nc CHANGELOG.md > "$share/doc/homeapp/changelog.gz"
install -D -m 0644 $here/copyright "$demo/usr/share/doc/homeapp-demo/copyright"

echo "== packages"
depends=$(grep -v '^#' $here/depends.txt | paste -sd, | sed 's/,/, /g')
for package in homeapp homeapp-demo; do
    tree=$work/$package control=$here/control
    [ $package = homeapp ] || control=$here/control-demo
    find "$tree" -type d -exec chmod 0755 {} +
    find "$tree/opt" -type f -exec chmod 0644 {} +
    size=$(du -sk --apparent-size --exclude=DEBIAN "$tree" | cut -f1)
    sed -e "s/@VERSION@/$version/g; s/@SIZE@/$size/; s/@DEPENDS@/$depends/" $control/control.in > "$tree/DEBIAN/control"
    for script in postinst prerm postrm; do
        [ ! -f $control/$script ] || install -m 0755 $control/$script "$tree/DEBIAN/$script"
    done
    [ ! -d "$tree/etc" ] || (cd "$tree" && find etc -type f -printf '/%p\n' | sort) > "$tree/DEBIAN/conffiles"
    (cd "$tree" && find . -type f ! -path './DEBIAN/*' ! -path './etc/*' -printf '%P\0' | sort -z | xargs -0 md5sum) > "$tree/DEBIAN/md5sums"
    find "$tree" -newermt "@$SOURCE_DATE_EPOCH" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
    dpkg-deb --root-owner-group -Z"${COMPRESSION:-xz}" --build "$tree" "$out/${package}_${version}_amd64.deb"
    echo "$package: $(($(stat -c %s "$out/${package}_${version}_amd64.deb") / 1000000)) MB, installed $((size * 1024 / 1000000)) MB"
done
