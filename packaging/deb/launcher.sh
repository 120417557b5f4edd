#!/bin/sh
# The service's own user finds the service's data without being told where it is.
[ "$(id -un)" != homeapp ] || export XDG_DATA_HOME="${XDG_DATA_HOME:-/var/lib}"
# Nothing but the packaged modules is imported, wherever and with whatever environment this is called.
unset PYTHONPATH PYTHONHOME
export PYTHONSAFEPATH=1
exec /opt/homeapp/bin/python3 -m homeapp "$@"
