#!/bin/sh
# Makes the key that seals the hub's secrets, once and on the machine that it is for; it is never written unencrypted.
set -eu
kept=/etc/credstore.encrypted/homeapp-master-key
umask 077
trap 'rm -f "$kept.new"' EXIT
head -c 32 /dev/urandom | base64 -w0 | systemd-creds encrypt --name=homeapp-master-key - "$kept.new"
test -s "$kept.new"
mv "$kept.new" "$kept"
