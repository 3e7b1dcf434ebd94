#!/bin/sh
# Puts homing in place on this machine, or into the root folder of an image. POSIX sh; busybox is enough.
#
#   install.sh                        the binary, a configuration to fill in, its folders, a cron entry to fill in
#   install.sh --send FILE [--every MINUTES]
#                                     and a cron entry that sends FILE, every 5 minutes unless told otherwise
#   install.sh --uninstall [--purge]  takes it away again; --purge the configuration, key and queue too
#
#   --binary FILE   the homing to install; by default the one beside this script, or the one that cross/build made
#   --user NAME     whose cron sends, and who may read the configuration and the key (default: root)
#   --root DIR      the root folder of an image rather than /
#   --prefix DIR    where bin/homing goes (default: /usr/local)
#   --no-cron       leaves cron alone
#
# With boards/share beside this script (or in a clone) the manual page and the shells' completions are installed, too.
# Running it again changes nothing but the binary and those; what a person wrote in the configuration stays.
set -eu
umask 022

main() {
    root='' prefix=/usr/local user=root binary='' file='' every='' action=install purge='' cron=1
    while [ "$#" -gt 0 ]; do
        case "$1" in
            --uninstall) action=uninstall ;;
            --purge) purge=1 ;;
            --no-cron) cron='' ;;
            -h | --help) usage && exit ;;
            --binary | --user | --root | --prefix | --send | --every)
                [ -n "${2:-}" ] || fail 64 "$1 needs a value"
                set_option "$1" "$2"
                shift
                ;;
            *) fail 64 "unknown argument $1; see install.sh --help" ;;
        esac
        shift
    done
    [ -z "$purge" ] || [ "$action" = uninstall ] || fail 64 '--purge goes with --uninstall'
    [ -z "$file" ] || [ -n "$cron" ] || fail 64 '--send does not go with --no-cron'
    [ -z "$every" ] || [ -n "$file" ] || fail 64 '--every goes with --send'
    root="${root%/}"
    [ -z "$root" ] || [ -d "$root" ] || fail 66 "--root $root is not a folder"
    if [ "$(id -u)" -ne 0 ] && [ -z "$root" ]; then
        fail 77 'only root can do this; run it with sudo'
    fi
    find_user
    find_cron
    "$action"
}

set_option() {
    case "$1" in
        --binary) binary="$2" ;;
        --user) user="$2" ;;
        --root) root="$2" ;;
        --prefix) prefix="${2%/}" ;;
        --send)
            file="$2"
            # Cron has its own idea of some characters (% is a line's end), and the shell of more.
            case "$file" in
                /*) ;;
                *) fail 64 "--send $file: cron needs the full path" ;;
            esac
            case "$file" in
                *[!A-Za-z0-9_./+:@,=-]*) fail 64 "--send $file: write a cron line by hand for a name with such characters" ;;
            esac
            ;;
        --every)
            every="$2"
            case "$every" in
                *[!0-9]* | 0*) fail 64 "--every $every: minutes, 1 to 59" ;;
            esac
            [ "$every" -le 59 ] || fail 64 "--every $every: minutes, 1 to 59"
            ;;
    esac
}

usage() {
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0"
}

install() {
    find_binary
    install_binary
    install_share
    folder /etc/homing 750 "0:$gid"
    # Whoever can write here decides what is sent next.
    folder /var/lib/homing 700 "$uid:$gid"
    if [ -e "$root/etc/homing/config.json" ]; then
        say 'kept /etc/homing/config.json'
    else
        configuration >"$root/etc/homing/config.json"
        own "$root/etc/homing/config.json" 640 "0:$gid"
        say 'wrote /etc/homing/config.json: fill it in (homing init --force does), and put the certificate and its key beside it'
    fi
    [ -z "$cron" ] || install_cron_entry
}

# Renamed into place: a homing that runs just now keeps its own, and one that does not run here changes nothing.
install_binary() {
    folder "$prefix/bin" 755 0:0
    new="$root$prefix/bin/.homing.new"
    cp "$binary" "$new"
    own "$new" 755 0:0
    # An image's processor need not be this one's. What it says counts: a shell may take another processor's program for
    # a script of its own.
    if [ -z "$root" ]; then
        case "$("$new" --version 2>/dev/null)" in
            "homing "*) ;;
            *) rm -f "$new" && fail 65 "$binary does not run on this machine ($(uname -m)); take another board's" ;;
        esac
    fi
    mv -f "$new" "$root$prefix/bin/homing"
    # The name by which Docker and its kin look for a program that knows registries' passwords.
    ln -sf homing "$root$prefix/bin/docker-credential-homing"
    say "installed $prefix/bin/homing"
}

install_share() {
    share=''
    for candidate in "$here/share" "$here/../share"; do
        if [ -z "$share" ] && [ -f "$candidate/homing.1" ]; then
            share="$candidate"
        fi
    done
    [ -n "$share" ] || return 0
    share_files | while read -r name place; do
        mkdir -p "$root$prefix/share/${place%/*}"
        cp "$share/$name" "$root$prefix/share/$place"
        own "$root$prefix/share/$place" 644 0:0
    done
    say "installed the manual page and completions in $prefix/share"
}

# Where man and the shells look. Debian's zsh looks below /usr in a folder of its own.
share_files() {
    zsh=site-functions
    [ "$prefix" != /usr ] || zsh=vendor-completions
    echo homing.1 man/man1/homing.1
    echo homing.bash bash-completion/completions/homing
    echo _homing "zsh/$zsh/_homing"
    echo homing.fish fish/vendor_completions.d/homing.fish
}

uninstall() {
    rm -f "$root$prefix/bin/homing" "$root$prefix/bin/.homing.new" "$root$prefix/bin/docker-credential-homing"
    share_files | while read -r _ place; do
        rm -f "$root$prefix/share/$place"
    done
    say "removed $prefix/bin/homing"
    [ -z "$cron" ] || remove_cron_entry
    if [ -n "$purge" ]; then
        rm -rf "$root/etc/homing" "$root/var/lib/homing"
        say 'removed /etc/homing and /var/lib/homing'
    elif [ -e "$root/etc/homing" ]; then
        say 'kept /etc/homing and /var/lib/homing; --purge removes them'
    fi
}

# What cannot be known here is empty, and homing names each empty value when it is run.
configuration() {
    cat <<'END'
{
  "thing_name": "",
  "certificate": "/etc/homing/device.pem.crt",
  "private_key": "/etc/homing/private.pem.key",
  "credential_endpoint": "",
  "data_endpoint": "",
  "role_alias": "",
  "bucket": ""
}
END
}

find_binary() {
    here="$(dirname "$0")"
    # Called as boards/BOARD/install.sh in a clone, the folder's name is the board's.
    board="$(basename "$(cd "$here" && pwd)")"
    for candidate in "$here/homing" "$here/../../target/boards/$board/homing"; do
        if [ -z "$binary" ] && [ -f "$candidate" ]; then
            binary="$candidate"
        fi
    done
    [ -n "$binary" ] || fail 66 "no homing beside this script; copy it there, or name it with --binary"
    [ -f "$binary" ] || fail 66 "--binary $binary: no such file"
}

# In an image it is the image's own list of users that counts, so names become numbers here.
find_user() {
    uid=0 gid=0
    [ "$user" != root ] || return 0
    line="$(grep "^$user:" "$root/etc/passwd" 2>/dev/null)" || fail 67 "--user $user: not in $root/etc/passwd; create the user first"
    uid="$(echo "$line" | cut -d: -f3)"
    gid="$(echo "$line" | cut -d: -f4)"
}

# Debian's cron reads a file of ours; busybox's has one file a user, whose other lines are not ours.
find_cron() {
    crontab_is_ours=''
    if [ -d "$root/etc/cron.d" ]; then
        crontab=/etc/cron.d/homing crontab_is_ours=1
    elif [ -d "$root/etc/crontabs" ]; then
        crontab="/etc/crontabs/$user"
    else
        crontab="/var/spool/cron/crontabs/$user"
    fi
}

install_cron_entry() {
    if [ -z "$file" ] && grep -qs "^$cron_begin\$" "$root$crontab"; then
        say "kept the entry in $crontab"
        return
    fi
    [ -d "$root$(dirname "$crontab")" ] || folder "$(dirname "$crontab")" 755 0:0
    {
        other_cron_lines
        echo "$cron_begin"
        cron_line
        echo "$cron_end"
    } >"$root$crontab.new"
    put_crontab
    if [ -n "$file" ]; then
        say "$crontab sends $file"
    else
        say "$crontab has an example: --send FILE makes it real"
    fi
}

cron_line() {
    as=''
    [ -z "$crontab_is_ours" ] || as="$user "
    # The log is where the outcome goes: on many devices nobody gets cron's mail.
    if [ -n "$file" ]; then
        echo "*/${every:-5} * * * * ${as}$prefix/bin/homing -v send $file 2>&1 | logger -t homing"
    else
        echo "#*/5 * * * * ${as}$prefix/bin/homing -v send /run/camera/latest.jpg 2>&1 | logger -t homing"
    fi
    # For scripts that use send --queue: what could not be delivered at once goes out with this.
    echo "#*/5 * * * * ${as}$prefix/bin/homing drain 2>&1 | logger -t homing"
}

remove_cron_entry() {
    grep -qs "^$cron_begin\$" "$root$crontab" || return 0
    other_cron_lines >"$root$crontab.new"
    if [ -s "$root$crontab.new" ]; then
        put_crontab
    else
        rm -f "$root$crontab.new" "$root$crontab"
        tell_crond
    fi
    say "removed the entry in $crontab"
}

other_cron_lines() {
    [ -e "$root$crontab" ] || return 0
    sed "/^$cron_begin\$/,/^$cron_end\$/d" "$root$crontab"
}

put_crontab() {
    mode=600
    [ -z "$crontab_is_ours" ] || mode=644
    own "$root$crontab.new" "$mode" 0:0
    mv -f "$root$crontab.new" "$root$crontab"
    tell_crond
}

# busybox's crond reads again those crontabs that are named in this file.
tell_crond() {
    if [ -z "$root" ] && [ -z "$crontab_is_ours" ]; then
        echo "$user" >>"$(dirname "$crontab")/cron.update"
    fi
}

folder() {
    # A bin folder that is there already is the system's.
    case "$1" in
        */bin) [ ! -d "$root$1" ] || return 0 ;;
    esac
    mkdir -p "$root$1"
    own "$root$1" "$2" "$3"
}

own() {
    chmod "$2" "$1"
    if [ "$(id -u)" -eq 0 ]; then
        chown "$3" "$1"
    fi
}

say() {
    echo "install.sh: $1"
}

fail() {
    echo "install.sh: $2" >&2
    exit "$1"
}

cron_begin='# homing: begin (install.sh writes these lines)'
cron_end='# homing: end'
main "$@"
