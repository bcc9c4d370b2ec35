#!/bin/bash
# The life of both packages on a machine with systemd, as docs/SYSTEMD.md tells it; run there, with the packages beside it.
# Needs /t/page/NAME (the page's blocks), /t/first and /t/upgrade (packages). Each step says what it saw; the first that is
# wrong ends it. guest.sh takes its functions.
set -u
cd /t
export DEBIAN_FRONTEND=noninteractive
API=http://127.0.0.1:8650

wrong() {
  echo "WRONG: $*"
  systemctl status --no-pager -l farol-agent farol-collector 2>&1 | tail -40
  journalctl --no-pager -u farol-agent -u farol-collector -o short-monotonic | tail -60
  exit 1
}
step() { echo "== $*"; }
# until_true SECONDS WHAT COMMAND...: waits for a condition.
until_true() {
  local end=$((SECONDS + $1)) what=$2
  shift 2
  until "$@"; do
    [ $SECONDS -lt $end ] || wrong "it did not happen: $what"
    sleep 0.2
  done
}
# page NAME: runs a block of the page as it stands there.
page() {
  [ "$1" != upgrade ] || ln -sfn /t/upgrade /t/first/upgrade
  step "page: $1"
  (cd "${2:-/t/first}" && bash -eu -o pipefail "/t/page/$1") >"/t/page.log" 2>&1 || { cat /t/page.log; wrong "a command of docs/SYSTEMD.md failed: block $1"; }
}
is() { [ "$(systemctl is-active "$1")" = "$2" ]; }
pid() { systemctl show -P MainPID "$1"; }
sign_in() {
  local password
  password=$(cat /etc/farol/collector.admin-password)
  TOKEN=$(curl -sf -H 'content-type: application/json' -d "{\"username\":\"admin\",\"password\":\"$password\"}" $API/api/auth/login | jq -r '.access_token // .token') &&
    [ -n "$TOKEN" ] && [ "$TOKEN" != null ]
}
ask() { curl -sf -H "authorization: Bearer $TOKEN" "$API$1"; }
# book FIELD: of the agent's books.
book() { ask '/api/v1/completeness?from=0' | jq -r "[.agents[] | select(.agent | endswith(\"#collector\") | not)] | .[0] | $1 // 0"; }
tells() { ask /api/v1/resources | grep -q "$1"; }
stored() { book .stored; }
has_more_than() { local now; now=$(stored) && [ "${now:-0}" -gt "$1" ]; }
# are_books MISSING-AND-LOST: whether the books say so, and nothing is on its way.
balance() { book '"\(.missing) \(.lost | map(.samples) | add // 0)"'; }
are_books() { [ "$(balance)" = "$1" ]; }
files() { find / -xdev \( -path /proc -o -path /sys -o -path /run -o -path /t -o -path /tmp -o -path /var/log -o -path /var/cache -o -path /var/lib/apt -o -path /var/lib/dpkg \) -prune -o -print | sort; }

first_half() {
  files >/t/files.before
  getent passwd | sort >/t/users.before
  page collector
  until_true 60 'the collector runs' is farol-collector active
  journalctl -u farol-collector -o cat | grep -q 'setup?token=' || wrong 'the journal has no link for the first administrator'
  page password
  until_true 60 'the collector runs with its credential' sign_in
  page token
  mv /etc/farol/agent.token /t/agent.token

  page agent
  is farol-agent inactive || wrong 'an agent that is not configured is not quiet'
  [ "$(systemctl is-enabled farol-agent)" = enabled ] || wrong 'the agent is not enabled'
  [ "$(journalctl -u farol-agent -o cat | grep -c 'configuration is wrong')" = 0 ] || wrong 'it has tried to run'
  mv /t/agent.token /etc/farol/agent.token
  page configure
  until_true 30 'the agent runs' is farol-agent active
  until_true 30 'samples arrive' has_more_than 0
  page look
  grep -q '^ok it reads every 1 s' /t/page.log || { cat /t/page.log; wrong 'farol-agent health does not say that it is well'; }
  [ "$(stat -c '%a %U' /var/lib/farol-agent)" = '700 farol-agent' ] || wrong 'the spool can be read by others'

  step 'killed, and started again'
  local old
  old=$(pid farol-agent)
  kill -9 "$old"
  until_true 30 'the killed agent is there again' bash -c "[ \"\$(systemctl show -P MainPID farol-agent)\" != $old ] && [ \"\$(systemctl is-active farol-agent)\" = active ]"
  old=$(pid farol-collector)
  kill -9 "$old"
  until_true 60 'the killed collector is there again' bash -c "[ \"\$(systemctl show -P MainPID farol-collector)\" != $old ] && [ \"\$(systemctl is-active farol-collector)\" = active ]"
  until_true 30 'it lets people in' sign_in

  step 'a loop that hangs is noticed by the watchdog'
  mkdir -p /run/systemd/system/farol-agent.service.d
  printf '[Service]\nWatchdogSec=3\n' >/run/systemd/system/farol-agent.service.d/watchdog.conf
  systemctl daemon-reload
  systemctl restart farol-agent
  old=$(pid farol-agent)
  kill -STOP "$old"
  until_true 60 'systemd ends an agent that hangs' bash -c "[ \"\$(systemctl show -P MainPID farol-agent)\" != $old ] && [ \"\$(systemctl is-active farol-agent)\" = active ]"
  journalctl -u farol-agent -o cat | grep -qi 'watchdog' || wrong 'the journal does not say that the watchdog ended it'
  rm -r /run/systemd/system/farol-agent.service.d
  systemctl daemon-reload

  step 'reload'
  page secret
  until_true 60 'the collector runs with a secret of its own' sign_in
  old=$(pid farol-agent)
  sed -i 's/^# environment = /environment = /' /etc/farol/agent.toml
  page reload
  until_true 30 'the reloaded agent tells its environment' tells production
  [ "$(pid farol-agent)" = "$old" ] || wrong 'a reload started another process'
  is farol-agent active || wrong 'the agent is not active after a reload'
  cp /etc/farol/agent.toml /t/agent.toml
  echo 'nonsense = 1' >>/etc/farol/agent.toml
  systemctl reload farol-agent
  until_true 30 'a wrong configuration is told' bash -c "journalctl -u farol-agent -p err -o cat | grep -q 'configuration is wrong'"
  [ "$(pid farol-agent)" = "$old" ] || wrong 'a wrong configuration ended the agent'
  cp /t/agent.toml /etc/farol/agent.toml

  step 'stop and start lose nothing'
  systemctl restart farol-agent
  until_true 30 'it is even before' has_more_than 0
  local even
  even=$(balance)
  systemctl stop farol-collector
  old=$(pid farol-agent)
  until_true 30 'the agent knows that the collector is away' bash -c "journalctl _PID=$old -o cat | grep -q 'delivery failed'"
  systemctl stop farol-agent
  [ -n "$(find /var/lib/farol-agent -type f -size +0)" ] || wrong 'nothing was put on disk'
  systemctl start farol-agent
  systemctl start farol-collector
  until_true 60 'it lets people in' sign_in
  local before
  before=$(stored)
  until_true 60 'what waited arrives' has_more_than "$before"
  until_true 60 "what was read meanwhile is stored: missing and lost as before, $even" are_books "$even"

  step 'the journal has levels and no second time'
  journalctl -u farol-agent -p info -o json | tail -5 | jq -e -s 'all(.[]; (.PRIORITY | tonumber) <= 6)' >/dev/null || wrong 'no priorities'
  journalctl -u farol-agent -o json | jq -e -s 'any(.[]; .PRIORITY == "4" or .PRIORITY == "3")' >/dev/null || wrong 'no warning has the priority of one'
  ! journalctl -u farol-agent -o cat | grep -q '^20[0-9][0-9]-' || wrong 'a line has a time of its own'
}

second_half() {
  until_true 60 'it lets people in' sign_in
  local before
  before=$(stored)
  step 'upgrade'
  echo '# changed by a person' >>/etc/farol/collector.toml
  page upgrade
  until_true 60 'the new collector lets people in' sign_in
  curl -sf $API/health | jq -r .version >/t/version
  until_true 60 'the new agent delivers' has_more_than "$before"
  grep -q 'changed by a person' /etc/farol/collector.toml || wrong 'the upgrade took a setting'
  [ "$(dpkg-query -W -f '${Version}' farol-agent)" = "$(cat /t/upgrade/version)" ] || wrong 'the version is not the new one'

  page remove
  is farol-agent inactive && is farol-collector inactive || wrong 'a removed service runs'
  for file in /etc/farol/agent.toml /etc/farol/agent.env /etc/farol/agent.token /etc/farol/collector.toml /var/lib/farol/history.db; do
    [ -e $file ] || wrong "remove took $file"
  done
  page purge
  rm -rf /etc/farol/cache /etc/systemd/system/farol-collector.service.d
  rmdir /etc/farol 2>/dev/null
  files >/t/files.after
  getent passwd | sort >/t/users.after
  diff /t/users.before /t/users.after || wrong 'purge left a user'
  diff /t/files.before /t/files.after | grep -v '^[0-9]' | grep -vE '^[<>] (/etc/(passwd|group|shadow|gshadow|subuid|subgid)-|/etc/\.pwd\.lock|/var/lib/systemd/(timers|random-seed|catalog.*)|/var/backups.*|/root.*|/etc/machine-id)$' >/t/files.left
  [ ! -s /t/files.left ] || { cat /t/files.left; wrong 'purge left something, or took something'; }

  step 'tarball'
  page tarball /t/tar
  until_true 60 'the collector of the tarball runs' is farol-collector active
  [ "$(readlink /proc/"$(pid farol-collector)"/exe)" = /usr/local/bin/farol-collector ] || wrong 'it is not the program of the tarball'
  page untar /t/tar
  files >/t/files.after
  diff /t/files.before /t/files.after | grep -v '^[0-9]' | grep -vE '^[<>] (/etc/(passwd|group|shadow|gshadow|subuid|subgid)-|/etc/\.pwd\.lock|/var/lib/systemd/(timers|random-seed|catalog.*)|/var/backups.*|/root.*|/usr/local/(lib|share|share/man|share/man/man1)|/etc/machine-id)$' >/t/files.left
  [ ! -s /t/files.left ] || { cat /t/files.left; wrong 'the tarball left something'; }
  echo 'LIFE-COMPLETE'
}

[ "${1:-}" = functions ] || { first_half && second_half; }
