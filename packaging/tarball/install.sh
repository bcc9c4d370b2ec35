#!/bin/sh
# Installs Farol from this folder, or removes it again. Needs no network, changes nothing that it does not name.
set -eu

usage() {
  cat <<TEXT
Usage: ./install.sh [agent] [collector] [OPTIONS]
       ./install.sh --uninstall [--purge] [OPTIONS]

Installs the agent, the collector, or both: the program, its systemd unit, its user, a manual page, and a configuration
file in /etc/farol if there is none. Nothing is started: the end of the run says how.

  --prefix DIR   where programs and manual pages go (/usr/local)
  --root DIR     install below DIR instead of /: for images. No user is made and systemd is not told.
  --dry-run      say what would be done, and do nothing
  --uninstall    stop and remove what an earlier run with the same prefix installed; configuration and data stay
  --purge        with --uninstall: also remove configuration, secrets, data and users
  --help         this text
TEXT
}

fail() {
  echo "install.sh: $1" >&2
  exit "${2:-1}"
}

prefix=/usr/local root='' parts='' act=install dry='' purge=''
while [ $# -gt 0 ]; do
  case $1 in
  agent | collector) parts="$parts $1" ;;
  --prefix) [ $# -gt 1 ] || fail "--prefix needs a folder" 64; prefix=$2; shift ;;
  --root) [ $# -gt 1 ] || fail "--root needs a folder" 64; root=${2%/}; shift ;;
  --dry-run) dry=yes ;;
  --uninstall) act=uninstall ;;
  --purge) purge=yes ;;
  --help | -h) usage; exit 0 ;;
  *) usage >&2; fail "$1 is not known" 64 ;;
  esac
  shift
done
case $prefix in /*) ;; *) fail "--prefix must begin with /" 64 ;; esac
[ "$act" = uninstall ] || [ -n "$parts" ] || { usage >&2; fail "say what to install: agent, collector, or both" 64; }
[ -z "$purge" ] || [ "$act" = uninstall ] || fail "--purge goes with --uninstall" 64
[ -n "$dry" ] || [ -w "${root:-/}" ] || fail "this needs root: sudo ./install.sh ..."
cd "$(dirname "$0")"

list=$prefix/share/farol/installed
is_live=''
[ -n "$root" ] || [ ! -d /run/systemd/system ] || is_live=yes

# run WORD...: says what is done, and does it.
run() {
  echo "  $*"
  [ -n "$dry" ] || "$@"
}

# put FILE PLACE MODE: copies a file, and remembers it for --uninstall.
put() {
  echo "  $2"
  [ -z "$dry" ] || return 0
  mkdir -p "$root$(dirname "$2")"
  cp "$1" "$root$2.new"
  chmod "$3" "$root$2.new"
  # In one step: the old program may be running.
  mv -f "$root$2.new" "$root$2"
  grep -qxF "$2" "$root$list" || echo "$2" >>"$root$list"
}

if [ "$act" = uninstall ]; then
  [ -r "$root$list" ] || fail "nothing was installed with --prefix $prefix (there is no $root$list)"
  echo "Removing:"
  for name in farol-agent farol-collector; do
    if [ -n "$is_live" ] && grep -q "/$name.service$" "$list"; then run systemctl disable --now --quiet $name.service || true; fi
  done
  while read -r file; do
    [ ! -e "$root$file" ] || run rm -f "$root$file"
  done <"$root$list"
  run rm -f "$root$list"
  for dir in "$prefix/share/farol" "$prefix/lib/sysusers.d" "$prefix/lib/tmpfiles.d" "$prefix/lib/systemd/system" "$prefix/lib/systemd"; do
    [ -n "$dry" ] || rmdir "$root$dir" 2>/dev/null || true
  done
  [ -z "$is_live" ] || run systemctl daemon-reload
  if [ -n "$purge" ]; then
    run rm -rf "$root/etc/farol" "$root/var/lib/farol" "$root/var/lib/farol-agent"
    for user in farol farol-agent; do
      if [ -z "$root" ] && getent passwd $user >/dev/null; then run userdel $user; fi
    done
  else
    echo "Kept: $root/etc/farol, $root/var/lib/farol, $root/var/lib/farol-agent (--purge removes them too)"
  fi
  exit 0
fi

echo "Checking the files of this folder against SHA256SUMS"
sha256sum --check --quiet SHA256SUMS || fail "a file is damaged: fetch the archive again"
[ -n "$dry" ] || { mkdir -p "$root$(dirname "$list")" && touch "$root$list"; }
echo "Installing:"
units=$prefix/lib
# Elsewhere systemd does not look.
case $prefix in /usr | /usr/local) ;; *) units=/etc ;; esac
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
for part in $parts; do
  name=farol-$part
  put bin/$name "$prefix/bin/$name" 755
  sed "s|/usr/bin/$name|$prefix/bin/$name|" systemd/$name.service >"$made/unit"
  put "$made/unit" "$units/systemd/system/$name.service" 644
  put systemd/$name.sysusers.conf "$units/sysusers.d/$name.conf" 644
  put systemd/$name.tmpfiles.conf "$units/tmpfiles.d/$name.conf" 644
  put man/$name.1 "$prefix/share/man/man1/$name.1" 644
  if [ -e "$root/etc/farol/$part.toml" ]; then
    echo "  (kept) /etc/farol/$part.toml"
  else
    echo "  /etc/farol/$part.toml"
    [ -n "$dry" ] || install -D -m 644 etc/$part.toml "$root/etc/farol/$part.toml"
  fi
  if [ -n "$is_live" ]; then
    run systemd-sysusers "$units/sysusers.d/$name.conf"
    run systemctl daemon-reload
    # After an upgrade the new program takes over; what was not running stays so.
    run systemctl try-restart $name.service
  fi
done
[ -z "$dry" ] || { echo "Nothing was done: --dry-run"; exit 0; }
for part in $parts; do
  case $part in
  agent) echo "Agent: write /etc/farol/agent.env (FAROL_COLLECTOR_URL=...) and /etc/farol/agent.token, then: systemctl enable --now farol-agent" ;;
  collector) echo "Collector: look into /etc/farol/collector.toml, then: systemctl enable --now farol-collector; journalctl -u farol-collector shows the first link" ;;
  esac
done
