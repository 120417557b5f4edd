#!/bin/sh
# Shows the screen on a Wayland kiosk and on a bare X server, both without a monitor. `screen_platforms.sh DIRECTORY`.
# Needs weston and xvfb. The hub that it looks at is one of its own, in DIRECTORY.
set -eu
export XDG_RUNTIME_DIR="$1/run"
mkdir -m 0700 "$1" "$XDG_RUNTIME_DIR" "$1/home"
printf 'secrets = "machine_file"\n[ocpp]\nhost = "127.0.0.1"\nport = 0\n[discovery]\ninterfaces = ["127.0.0.1"]\n' > "$1/home/settings.toml"
weston --backend=headless-backend.so --shell=kiosk-shell.so --width=1280 --height=800 --socket=wayland-9 --idle-time=0 \
    >"$1/weston.log" 2>&1 &
weston=$!
trap 'kill $weston 2>/dev/null || true' EXIT
tries=0
until [ -S "$XDG_RUNTIME_DIR/wayland-9" ]; do
    tries=$((tries + 1))
    [ $tries -lt 60 ] || { cat "$1/weston.log" >&2; exit 1; }
    sleep 0.5
done
for platform in wayland xcb; do
    server=
    [ $platform != xcb ] || server="xvfb-run --auto-servernum --server-args=-screen\ 0\ 1280x800x24"
    WAYLAND_DISPLAY=wayland-9 QT_QPA_PLATFORM=$platform sh -c "timeout 120 $server homeapp --kiosk --data-dir '$1/home' --pictures '$1/$platform'" \
        >"$1/$platform.log" 2>&1 || { cat "$1/$platform.log" >&2; exit 1; }
    [ -s "$1/$platform/home-dark-1280x800.png" ] || { echo "no picture on $platform" >&2; exit 1; }
    echo "the screen is shown on $platform"
done
