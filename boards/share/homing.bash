# Bash's completions of homing, made from its tables of options and commands by tests/completions. Not to be edited.

_homing_files() {
    local IFS=$'\n'
    compopt -o filenames 2>/dev/null
    COMPREPLY=($(compgen "$1" -- "$cur"))
    return 0
}

_homing() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev='' command='' action='' flags='' actions='' word i
    COMPREPLY=()
    local with_value=' --region --thing-name --certificate --private-key --ca-file --credential-endpoint --data-endpoint --role-alias --credentials --bucket --key --topic --inline-limit --via --client-id -q --qos --payload --checksum --chunk-size --endpoint-url --mqtt-port --https-port --keep-alive --timeout --connect-timeout --stall-timeout --publish-timeout --acknowledge-timeout --max-attempts --queue-dir --queue-max-bytes --queue-max-age --queue-min-free-bytes --queue-min-free-inodes --queue-when-full --config --config-json --status-file --content-type --metadata --storage-class --tag --sse --sse-kms-key-id -m --message -f --file --format --min-ttl --expires --part-size --multipart-threshold --older-than --version-id --field --version-stage --domain-owner --domain --repository --duration --tool --repository-endpoint-url --codeartifact --item --condition --names --values --from --common-name --listen --watch --settle --poll --token-file --secret --git --git-variable '
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        case $word in
            --)
                case $command in
                    exec | serve)
                        if declare -F _command_offset >/dev/null; then
                            _command_offset $((i + 1))
                        elif ((i + 1 == COMP_CWORD)); then
                            COMPREPLY=($(compgen -c -- "$cur"))
                        else
                            _homing_files -f
                        fi
                        return
                        ;;
                esac
                ;;
            =) ;;
            -*)
                if [[ $with_value == *" $word "* ]]; then
                    [[ ${COMP_WORDS[i + 1]} == = ]] && ((i++))
                    ((i++))
                    ((i >= COMP_CWORD)) && prev=$word
                fi
                ;;
            *) if [[ -z $command ]]; then command=$word; else action=$word; fi ;;
        esac
    done
    [[ $cur == = ]] && cur=''
    case $prev in
        --credentials) COMPREPLY=($(compgen -W 'role-alias container environment' -- "$cur")) && return ;;
        --via) COMPREPLY=($(compgen -W 'mqtt https' -- "$cur")) && return ;;
        --payload) COMPREPLY=($(compgen -W 'signed signed-trailer unsigned-trailer' -- "$cur")) && return ;;
        --checksum) COMPREPLY=($(compgen -W 'none crc32 crc32c crc64nvme sha256' -- "$cur")) && return ;;
        --queue-when-full) COMPREPLY=($(compgen -W 'refuse drop-oldest' -- "$cur")) && return ;;
        --sse) COMPREPLY=($(compgen -W 'AES256 aws:kms aws:kms:dsse' -- "$cur")) && return ;;
        --tool) COMPREPLY=($(compgen -W 'pip twine' -- "$cur")) && return ;;
        --from) COMPREPLY=($(compgen -W 'greengrass device-client' -- "$cur")) && return ;;
        --certificate | --private-key | --ca-file | --queue-dir | --config | --status-file | -f | --file | --token-file) _homing_files -f && return ;;
        --watch) _homing_files -d && return ;;
    esac
    [[ $with_value == *" $prev "* ]] && return

    case $command in
        send)
            flags='--region --thing-name --certificate --private-key --ca-file --ca-replace --strict --credential-endpoint --data-endpoint --role-alias --credentials --bucket --key --topic --inline-limit --via --client-id -q --qos --payload --checksum --chunk-size --path-style --endpoint-url --use-fips-endpoint --use-dualstack-endpoint --mqtt-port --https-port --keep-alive --timeout --connect-timeout --stall-timeout --publish-timeout --acknowledge-timeout --max-attempts --queue-dir --queue-max-bytes --queue-max-age --queue-min-free-bytes --queue-min-free-inodes --queue-when-full --config --config-json --status-file --syslog --json -v --verbose -h --help -V --version -n --dry-run --content-type --metadata --storage-class --tag --sse --sse-kms-key-id --if-none-match --min-ttl --credential-cache --no-cache --presign --expires --part-size --multipart-threshold --queue --keep --now'
            ;;
        drain)
            flags='--region --thing-name --certificate --private-key --ca-file --ca-replace --strict --credential-endpoint --data-endpoint --role-alias --credentials --bucket --key --topic --inline-limit --via --client-id -q --qos --payload --checksum --chunk-size --path-style --endpoint-url --use-fips-endpoint --use-dualstack-endpoint --mqtt-port --https-port --keep-alive --timeout --connect-timeout --stall-timeout --publish-timeout --acknowledge-timeout --max-attempts --queue-dir --queue-max-bytes --queue-max-age --queue-min-free-bytes --queue-min-free-inodes --queue-when-full --config --config-json --status-file --syslog --json -v --verbose -h --help -V --version --content-type --metadata --storage-class --tag --sse --sse-kms-key-id --if-none-match --min-ttl --credential-cache --no-cache --presign --expires --part-size --multipart-threshold --now --follow --watch --settle --poll'
            ;;
        queue)
            flags='--queue-dir --queue-max-bytes --queue-max-age --queue-min-free-bytes --queue-min-free-inodes --queue-when-full --config --config-json --json -v --verbose -h --help -V --version'
            actions='list status retry remove'
            ;;
        put)
            flags='--region --thing-name --certificate --private-key --ca-file --ca-replace --strict --credential-endpoint --role-alias --credentials --payload --checksum --chunk-size --path-style --endpoint-url --use-fips-endpoint --use-dualstack-endpoint --timeout --connect-timeout --stall-timeout --max-attempts --config --config-json --status-file --syslog --json -v --verbose -h --help -V --version -n --dry-run --content-type --metadata --storage-class --tag --sse --sse-kms-key-id --if-none-match --min-ttl --credential-cache --no-cache --part-size --multipart-threshold --abort-stale --older-than'
            ;;
        get)
            flags='--region --thing-name --certificate --private-key --ca-file --ca-replace --strict --credential-endpoint --role-alias --credentials --checksum --path-style --endpoint-url --use-fips-endpoint --use-dualstack-endpoint --timeout --connect-timeout --stall-timeout --max-attempts --config --config-json --status-file --syslog --json -v --verbose -h --help -V --version --min-ttl --credential-cache --no-cache --version-id --if-changed'
            ;;
        presign)
            flags='--region --thing-name --certificate --private-key --ca-file --ca-replace --strict --credential-endpoint --role-alias --credentials --path-style --endpoint-url --use-fips-endpoint --use-dualstack-endpoint --timeout --connect-timeout --stall-timeout --max-attempts --config --config-json --syslog --json -v --verbose -h --help -V --version --min-ttl --credential-cache --no-cache --expires --put --version-id'
            ;;
        publish)
            flags='--thing-name --certificate --private-key --ca-file --ca-replace --strict --data-endpoint --via --client-id -q --qos --mqtt-port --https-port --keep-alive --timeout --connect-timeout --publish-timeout --acknowledge-timeout --max-attempts --config --config-json --status-file --syslog --json -v --verbose -h --help -V --version -m --message -f --file -l --lines'
            ;;
        check)
            flags='--region --thing-name --certificate --private-key --ca-file --ca-replace --strict --credential-endpoint --data-endpoint --role-alias --credentials --bucket --key --topic --via --client-id -q --qos --path-style --endpoint-url --use-fips-endpoint --use-dualstack-endpoint --mqtt-port --https-port --keep-alive --timeout --connect-timeout --stall-timeout --publish-timeout --acknowledge-timeout --max-attempts --queue-dir --queue-max-bytes --queue-max-age --queue-min-free-bytes --queue-min-free-inodes --queue-when-full --config --config-json --syslog --json -v --verbose -h --help -V --version --min-ttl --credential-cache --no-cache --write'
            ;;
        credentials)
            flags='--thing-name --certificate --private-key --ca-file --ca-replace --strict --credential-endpoint --role-alias --credentials --timeout --connect-timeout --stall-timeout --max-attempts --config --config-json --syslog --json -v --verbose -h --help -V --version --format --min-ttl --credential-cache --no-cache'
            ;;
        exec)
            flags='--region --thing-name --certificate --private-key --ca-file --ca-replace --strict --credential-endpoint --role-alias --credentials --endpoint-url --use-fips-endpoint --use-dualstack-endpoint --timeout --connect-timeout --stall-timeout --max-attempts --config --config-json --syslog --json -v --verbose -h --help -V --version --format --min-ttl --credential-cache --no-cache --domain-owner --duration --repository-endpoint-url --codeartifact --extra --aws --refresh --secret --git'
            ;;
        serve)
            flags='--region --thing-name --certificate --private-key --ca-file --ca-replace --strict --credential-endpoint --role-alias --credentials --timeout --connect-timeout --stall-timeout --max-attempts --config --config-json --syslog --json -v --verbose -h --help -V --version --min-ttl --credential-cache --no-cache --listen --expose --token-file --print-env'
            ;;
        secret)
            flags='--region --thing-name --certificate --private-key --ca-file --ca-replace --strict --credential-endpoint --role-alias --credentials --endpoint-url --use-fips-endpoint --use-dualstack-endpoint --timeout --connect-timeout --stall-timeout --max-attempts --config --config-json --syslog --json -v --verbose -h --help -V --version --min-ttl --credential-cache --no-cache --version-id --field --version-stage'
            actions='get'
            ;;
        git-credential)
            flags='--region --thing-name --certificate --private-key --ca-file --ca-replace --strict --credential-endpoint --role-alias --credentials --endpoint-url --use-fips-endpoint --use-dualstack-endpoint --timeout --connect-timeout --stall-timeout --max-attempts --config --config-json --syslog --json -v --verbose -h --help -V --version --min-ttl --credential-cache --no-cache --git --git-variable'
            ;;
        codeartifact)
            flags='--region --thing-name --certificate --private-key --ca-file --ca-replace --strict --credential-endpoint --role-alias --credentials --endpoint-url --use-fips-endpoint --use-dualstack-endpoint --timeout --connect-timeout --stall-timeout --max-attempts --config --config-json --syslog --json -v --verbose -h --help -V --version --format --min-ttl --credential-cache --no-cache --domain-owner --domain --repository --duration --tool --repository-endpoint-url'
            actions='token endpoint login logout'
            ;;
        ecr)
            flags='--region --thing-name --certificate --private-key --ca-file --ca-replace --strict --credential-endpoint --role-alias --credentials --endpoint-url --use-fips-endpoint --use-dualstack-endpoint --timeout --connect-timeout --stall-timeout --max-attempts --config --config-json --syslog --json -v --verbose -h --help -V --version --min-ttl --credential-cache --no-cache --public'
            actions='password'
            ;;
        docker-credential)
            flags='--region --thing-name --certificate --private-key --ca-file --ca-replace --strict --credential-endpoint --role-alias --credentials --endpoint-url --use-fips-endpoint --use-dualstack-endpoint --timeout --connect-timeout --stall-timeout --max-attempts --config --config-json --syslog --json -v --verbose -h --help -V --version --min-ttl --credential-cache --no-cache'
            actions='get list store erase version'
            ;;
        dynamodb)
            flags='--region --thing-name --certificate --private-key --ca-file --ca-replace --strict --credential-endpoint --role-alias --credentials --endpoint-url --use-fips-endpoint --use-dualstack-endpoint --timeout --connect-timeout --stall-timeout --max-attempts --config --config-json --syslog --json -v --verbose -h --help -V --version -f --file -l --lines --min-ttl --credential-cache --no-cache --plain --item --condition --names --values'
            actions='put-item'
            ;;
        init)
            flags='--config --config-json --json -v --verbose -h --help -V --version --from --force'
            ;;
        csr)
            flags='--thing-name --private-key --config --config-json --json -v --verbose -h --help -V --version --force --common-name'
            ;;
        status)
            flags='--queue-dir --queue-max-bytes --queue-max-age --queue-min-free-bytes --queue-min-free-inodes --queue-when-full --config --config-json --status-file --json -v --verbose -h --help -V --version'
            ;;
        help) actions='send drain queue put get presign publish check credentials exec serve secret git-credential codeartifact ecr docker-credential dynamodb init csr status help' ;;
        *) flags='--help --version' actions='send drain queue put get presign publish check credentials exec serve secret git-credential codeartifact ecr docker-credential dynamodb init csr status help' ;;
    esac
    if [[ $cur == -* ]]; then
        COMPREPLY=($(compgen -W "$flags" -- "$cur"))
    elif [[ -n $actions && -z $action ]]; then
        COMPREPLY=($(compgen -W "$actions" -- "$cur"))
    elif [[ -n $command && $command != help ]]; then
        _homing_files -f
    fi
}

complete -F _homing homing
