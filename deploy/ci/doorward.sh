#!/bin/sh
# Runs one step of a job. If the firewall of an Azure Container Registry refuses it, tells doorward with the
# job's own token, waits until the registry lets this machine in, and runs the step once more.
#
#   sh doorward.sh docker push contosoprod.azurecr.io/prod/api:v1
#   . ./doorward.sh; doorward_run docker push contosoprod.azurecr.io/prod/api:v1
#
# Needs a POSIX shell, curl 7.55 or later, awk, sed, grep, mkfifo, mktemp. The step must not read standard input.
#
#   DOORWARD_URL        https://doorward.contoso.com
#   DOORWARD_SOURCE     the source of doorward's configuration that hears these jobs
#   DOORWARD_REGISTRY   contosoprod.azurecr.io, the registry that the step uses
#   DOORWARD_AUDIENCE   what the token is asked for; DOORWARD_URL unless said
#   DOORWARD_TIMEOUT    how long to wait for all of it, in seconds; 300 unless said
#   DOORWARD_TOKEN      the job's token where the provider puts it into a variable (GitLab)
#   DOORWARD_CONNECTION the id of a service connection (Azure DevOps), if the token is to be one of it
#
# GitHub's and Azure DevOps' tokens are asked for when they are needed: the job needs `id-token: write`, or
# SYSTEM_ACCESSTOKEN in its environment.
#
# The exit code is the step's: of its second try, if there was one. A token never stands in an argument, a file or
# the log. If the job is killed in the middle, nothing is left behind but a grant that ends by itself.

doorward_say() { printf 'doorward: %s\n' "$*" >&2; }

doorward_curl() { curl -q --silent --show-error --proto '=https' --connect-timeout 10 --max-time 30 "$@"; }

# The value of a text field of a JSON object, for tokens: they have no sign that JSON escapes.
doorward_field() { tr -d '\n' | sed -n "s/.*\"$1\"[[:space:]]*:[[:space:]]*\"\\([^\"\\\\]*\\)\".*/\\1/p"; }

# A configuration of curl's that carries a token: on standard input nobody else reads it.
doorward_bearer() { printf 'header = "Authorization: Bearer %s"\n' "$1"; }

doorward_get_token() {
    if [ -n "${DOORWARD_TOKEN:-}" ]; then
        printf '%s' "$DOORWARD_TOKEN"
    elif [ -n "${ACTIONS_ID_TOKEN_REQUEST_URL:-}" ]; then
        doorward_bearer "$ACTIONS_ID_TOKEN_REQUEST_TOKEN" |
            doorward_curl --fail --retry 2 --config - --get --data-urlencode "audience=${DOORWARD_AUDIENCE:-$DOORWARD_URL}" \
                "$ACTIONS_ID_TOKEN_REQUEST_URL" | doorward_field value
    elif [ -n "${SYSTEM_OIDCREQUESTURI:-}" ] && [ -n "${SYSTEM_ACCESSTOKEN:-}" ]; then
        doorward_connection=${DOORWARD_CONNECTION:+"&serviceConnectionId=$DOORWARD_CONNECTION"}
        doorward_bearer "$SYSTEM_ACCESSTOKEN" |
            doorward_curl --fail --retry 2 --config - --header 'content-type: application/json' --data '' \
                "$SYSTEM_OIDCREQUESTURI?api-version=7.1$doorward_connection" | doorward_field oidcToken
    fi
}

# How long an answer asks to be left alone, in whole seconds, else $1; never longer than is left until $2.
doorward_rest() {
    doorward_asked=$(awk 'tolower($1) == "retry-after:" { print $2 + 0 }' "$doorward_dir/head" 2>/dev/null | tail -n 1)
    [ "${doorward_asked:-0}" -gt 0 ] || doorward_asked=$1
    doorward_left=$(($2 - $(date +%s)))
    [ "$doorward_left" -gt 0 ] || return 1
    [ "$doorward_asked" -le "$doorward_left" ] || doorward_asked=$doorward_left
    sleep "$doorward_asked" &
    wait $!
}

# What the registry says to this machine: 401 means that the firewall lets it in, 403 that it does not.
doorward_ask() {
    : >"$doorward_dir/head"
    doorward_curl --output "$doorward_dir/answer" --dump-header "$doorward_dir/head" --write-out '%{http_code}' \
        "https://$DOORWARD_REGISTRY/v2/" 2>/dev/null
}

doorward_refuses() { tr -cd 'A-Za-z0-9./:' | grep -Eiq 'isnotallowedaccess|aka\.ms/acr/firewall'; }

# The lines about a refusal, with their neighbours, since tools wrap them; without what may be a secret beside them.
doorward_excerpt() {
    tr '\r' '\n' | awk '
        { line[NR % 3] = $0; wanted = tolower($0) ~ /client with|not allowed|aka\.ms|denied|403/ }
        wanted { for (n = NR - 2; n < NR; n++) if (n > last) print line[n % 3]; until = NR + 2 }
        NR <= until { print; last = NR }' |
        sed -E -e "s/$(printf '\033')\\[[0-9;]*[A-Za-z]//g" -e 's,://[^/@[:space:]]*@,://,g' -e 's/\?[^][:space:]"'\''<>]+/?/g' \
            -e 's/eyJ[-_A-Za-z0-9]+(\.[-_A-Za-z0-9]*)*/---/g' -e 's/([Bb]earer|[Bb]asic) +[^[:space:]"'\'',]+/\1 ---/g' \
            -e 's/(-p|--password|--password-stdin|--token)([= ]+)[^[:space:]]+/\1\2---/g' \
            -e 's/(([Pp]ass(word|wd)?|PASS(WORD)?|[Ss]ecret|SECRET|[Tt]oken|TOKEN|[Kk]ey|KEY|[Aa]uth|AUTH)[A-Za-z_]*"? *[=:] *)[^[:space:],;]+/\1---/g' |
        tail -c 32768
}

# Posts $doorward_dir/report. Azure's side may be busy, doorward may be restarting: it is tried until $1.
doorward_report() {
    doorward_pause=2
    while :; do
        : >"$doorward_dir/head"
        doorward_token=$(doorward_get_token) || doorward_token=
        if [ -z "$doorward_token" ]; then
            doorward_say "there is no token to prove the job with; may the job ask for one (GitHub: \`id-token: write\`)?"
            return 1
        fi
        doorward_code=$(doorward_bearer "$doorward_token" |
            doorward_curl --config - --header 'content-type: text/plain' --data-binary "@$doorward_dir/report" \
                --output "$doorward_dir/answer" --dump-header "$doorward_dir/head" --write-out '%{http_code}' \
                "$DOORWARD_URL/events/$DOORWARD_SOURCE") || :
        case $doorward_code in
        202) break ;;
        000 | 429 | 5??) doorward_say "no answer from doorward yet ($doorward_code), trying again" ;;
        401) doorward_say "doorward does not take the job's token (401): see the source's audience and claims" && return 1 ;;
        *) doorward_say "doorward does not take the report ($doorward_code)" && return 1 ;;
        esac
        doorward_rest "$doorward_pause" "$1" || return 1
        [ "$doorward_pause" -ge 16 ] || doorward_pause=$((doorward_pause * 2))
    done
    ! grep -q '"denials":0[,}]' "$doorward_dir/answer" ||
        { doorward_say "doorward found no refusal in what it was sent" && return 1; }
    doorward_say "reported; waiting until $DOORWARD_REGISTRY lets this machine in"
}

# Waits until the registry lets this machine in, twice in a row: its front ends do not change all at once.
doorward_wait() {
    doorward_open=0
    while :; do
        doorward_code=$(doorward_ask) || :
        case $doorward_code in
        200 | 401) doorward_open=$((doorward_open + 1)) && doorward_pause=2 ;;
        *) doorward_open=0 && doorward_pause=5 ;;
        esac
        [ "$doorward_open" -lt 2 ] || return 0
        doorward_rest "$doorward_pause" "$1" || return 1
    done
}

# Copies standard input into $1 and onward, and says when it has ended.
doorward_keep() { tee "$doorward_dir/$1" && : >"$doorward_dir/$1.ended"; }

# The step, its output kept while it is shown.
doorward_step() {
    mkfifo "$doorward_dir/1" "$doorward_dir/2" || return 125
    doorward_keep out <"$doorward_dir/1" &
    doorward_keep err <"$doorward_dir/2" >&2 &
    "$@" >"$doorward_dir/1" 2>"$doorward_dir/2" </dev/null &
    doorward_child=$!
    wait "$doorward_child"
    doorward_exit=$?
    doorward_child=
    # What the step left running in the background may hold its output open: that is not waited for.
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        [ -e "$doorward_dir/out.ended" ] && [ -e "$doorward_dir/err.ended" ] && break
        sleep 0.1 2>/dev/null || sleep 1
    done
    return "$doorward_exit"
}

doorward_killed() {
    trap '' HUP INT TERM
    if [ -n "${doorward_child:-}" ]; then
        kill -s TERM "$doorward_child" 2>/dev/null
        wait "$doorward_child"
    fi
    exit "$1"
}

doorward_job() {
    set +eux
    case ${DOORWARD_URL:-} in
    https://*) ;;
    *) doorward_say "DOORWARD_URL must begin with https://" && exit 125 ;;
    esac
    DOORWARD_URL=${DOORWARD_URL%/}
    if [ -z "${DOORWARD_SOURCE:-}" ] || [ -z "${DOORWARD_REGISTRY:-}" ] || [ "$#" -eq 0 ]; then
        doorward_say "DOORWARD_SOURCE, DOORWARD_REGISTRY and a command are needed" && exit 125
    fi
    case ${DOORWARD_TIMEOUT:=300} in
    *[!0-9]*) doorward_say "DOORWARD_TIMEOUT is a number of seconds" && exit 125 ;;
    esac
    umask 077
    doorward_dir=$(mktemp -d "${RUNNER_TEMP:-${AGENT_TEMPDIRECTORY:-${TMPDIR:-/tmp}}}/doorward.XXXXXX") || exit 125
    trap 'rm -rf "$doorward_dir"' EXIT
    trap 'doorward_killed 129' HUP
    trap 'doorward_killed 130' INT
    trap 'doorward_killed 143' TERM

    doorward_step "$@"
    doorward_first=$?
    [ "$doorward_first" -ne 0 ] || exit 0
    cat "$doorward_dir/out" "$doorward_dir/err" 2>/dev/null | doorward_excerpt >"$doorward_dir/report"
    # Some tools print the status alone: then the registry itself is asked what it has against this machine.
    doorward_code=
    if [ -s "$doorward_dir/report" ]; then
        doorward_code=$(doorward_ask) || :
        if [ "$doorward_code" = 403 ] && doorward_refuses <"$doorward_dir/answer"; then
            printf '\n%s: ' "$DOORWARD_REGISTRY" | cat - "$doorward_dir/answer" >>"$doorward_dir/report"
        fi
    fi
    doorward_refuses <"$doorward_dir/report" || exit "$doorward_first"

    doorward_say "the registry's firewall refused the step (exit code $doorward_first)"
    doorward_until=$(($(date +%s) + DOORWARD_TIMEOUT))
    if ! doorward_report "$doorward_until"; then
        doorward_say "not tried again" && exit "$doorward_first"
    fi
    if ! doorward_wait "$doorward_until"; then
        doorward_say "$DOORWARD_REGISTRY still refuses this machine: a person may have been asked, or the policy does not allow it"
        exit "$doorward_first"
    fi
    doorward_say "$DOORWARD_REGISTRY lets this machine in: trying again"
    "$@" </dev/null &
    doorward_child=$!
    wait "$doorward_child"
    exit
}

# In a shell of its own: the caller's options and traps stay as they are.
doorward_run() (doorward_job "$@")

case ${0##*/} in
doorward.sh) doorward_job "$@" ;;
esac
