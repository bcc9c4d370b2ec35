#!/bin/bash
# The life of the packages on a machine that really reboots and has every controller: limits of services, a reboot that loses
# nothing. Run there at each boot; asks for a reboot by status 99. The commands are those of docs/SYSTEMD.md.
. /t/life.sh functions

# has_limit UNIT BYTES: the newest memory limit of a service, as the API has it.
has_limit() {
  local id
  id=$(ask /api/v1/resources | jq -r ".resources[] | select(.name | startswith(\"$1\")) | .id" | head -1)
  [ -n "$id" ] && ask "/api/v1/query?metric=container.memory.limit&resource=$id&aggregate=raw" |
    jq -e "any(.series[]; .resource == $id and (.points | last | .[1]) == $2)" >/dev/null
}
# samples_between FROM TO: how many readings of the machine's memory lie between two times.
samples_between() {
  ask "/api/v1/query?metric=system.memory.limit&from=$1&to=$2&aggregate=raw" | jq '[.series[].points[]] | length'
}
has_samples() { [ "$(samples_between "$1" "$2")" -gt 0 ]; }
now() { date +%s%3N; }

if [ ! -e /t/rebooting ]; then
  page collector
  until_true 120 'the collector runs' is farol-collector active
  page password
  until_true 120 'the collector runs with its credential' sign_in
  page token
  page agent
  page configure
  until_true 60 'the agent runs' is farol-agent active
  until_true 60 'samples arrive' has_more_than 0

  step 'services with their limits'
  systemd-run --quiet --unit=limited -p MemoryMax=64M sleep infinity
  until_true 60 'the limit of a service is known' has_limit limited 67108864
  until_true 60 'the agent knows its own limit' has_limit farol-agent 134217728

  step 'a reboot while the collector is away'
  systemctl stop farol-collector
  old=$(pid farol-agent)
  until_true 30 'the agent knows that the collector is away' bash -c "journalctl _PID=$old -o cat | grep -q 'delivery failed'"
  now >/t/rebooting
  sync
  exit 99
fi

step 'after the reboot'
until_true 120 'the collector runs again' sign_in
until_true 60 'the agent runs again' is farol-agent active
until_true 60 'samples arrive after the reboot' has_samples "$(cat /t/rebooting)" "$(now)"
reboot=$(cat /t/rebooting)
has_samples 0 "$reboot" || wrong 'what was measured before the reboot is gone'
until_true 60 'the books are even: nothing is missing, nothing lost' are_books '0 0'
[ "$(book .boots)" -ge 2 ] || wrong 'the agent did not start again'
systemd-analyze security --no-pager farol-agent | tail -1
systemd-analyze security --no-pager farol-collector | tail -1
page upgrade
until_true 120 'the new collector lets people in' sign_in
has_samples 0 "$reboot" || wrong 'the upgrade took data'
page purge
[ ! -e /var/lib/farol ] && [ ! -e /var/lib/farol-agent ] && [ ! -e /etc/farol ] || wrong 'purge left something'
echo 'LIFE-COMPLETE'
