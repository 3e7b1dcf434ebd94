//! The commands there are, and what is written about each by hand.

use crate::options::{
    CHECK, CODEARTIFACT, CREDENTIALS, CSR, Commands, DOCKER_CREDENTIAL, DRAIN, DYNAMODB, ECR, EXEC, GET,
    GIT_CREDENTIAL, INIT, Id, PRESIGN, PUBLISH, PUT, QUEUE, SECRET, SEND, SERVE, STATUS,
};
use std::ffi::OsStr;

/// What is written about a command by hand; the rest comes from the option table.
#[derive(Debug)]
pub struct CommandHelp {
    /// Its name.
    pub name: &'static str,
    /// Its bit in an option's set of commands.
    pub commands: Commands,
    /// Which setting `--endpoint-url` is for this command.
    pub endpoint: Id,
    /// What stands behind its name in a usage line.
    pub arguments: &'static str,
    /// What it does, in one line of at most 60 columns.
    pub summary: &'static str,
    /// What it does, in paragraphs.
    pub description: &'static [&'static str],
    /// Command lines that work as they are.
    pub examples: &'static [&'static str],
    /// Options that do something else here than what the option table says of them.
    pub options: &'static [(Id, &'static str)],
}

/// The command of this name.
pub fn find(name: &OsStr) -> Option<&'static CommandHelp> {
    COMMANDS.iter().find(|command| name == command.name)
}

/// The commands there are, in the order in which they are listed.
pub const COMMANDS: &[CommandHelp] = &[
    CommandHelp {
        name: "send",
        commands: SEND,
        endpoint: Id::EndpointUrl,
        arguments: "FILE… [options]",
        summary: "deliver files: small ones by MQTT, larger ones by S3",
        description: &[
            "A file of at most inline_limit bytes travels as base64 inside one MQTT message, \
             {\"type\":\"file_content\",\"content\":…}. A larger one is streamed to S3 with temporary credentials, \
             and then a message names the object, {\"type\":\"s3_url\",\"url\":…}. A file is delivered when its \
             message has been acknowledged.",
            "With --presign the message's url is a presigned one: whoever reads the message can fetch the object \
             without credentials, until the time in the message's field expires. The URL contains the session token \
             of the \
             temporary credentials, so only those who may have the object should read the topic. The role needs \
             s3:GetObject for it.",
            "With --queue no network is needed: each file first moves into the queue, a directory on this device's \
             disk, where a power cut cannot lose it. Then what is in the queue is delivered, oldest first. Exit code \
             0: delivered; 75: queued, and homing drain delivers it; anything else: not queued, and the file is where \
             it was. Topic, key, time and message_id are fixed when a file is queued, so a repeat after a broken \
             connection is the same object and a message with the same message_id. With --key \
             '{thing}/{date}/{time}-{name}' files of one name do not overwrite each other.",
            "All files share one credential request and one connection. Each file's outcome has its own line, and the \
             exit code is the worst of them.",
        ],
        examples: &[
            "homing send /run/cam/latest.jpg",
            "homing send --dry-run --json *.jpg",
            "homing send --bucket my-bucket --key '{thing}/{date}/{name}' log.gz",
            "homing send --via https --storage-class STANDARD_IA trace.bin",
            "homing send --presign --expires 900 video.mp4",
            "homing send --queue /run/cam/latest.jpg",
            "homing send --queue --keep /var/log/syslog.1",
        ],
        options: &[(Id::Expires, "with --presign: how long the URL is good; it ends with the credentials in any case")],
    },
    CommandHelp {
        name: "drain",
        commands: DRAIN,
        endpoint: Id::EndpointUrl,
        arguments: "[--now] [--watch DIRECTORY] [--follow] [options]",
        summary: "deliver what send --queue left in the queue, oldest first",
        description: &[
            "Meant for cron: */5 * * * * /usr/local/bin/homing drain. It tries everything in the queue once and ends. \
             Exit code 0: nothing is left; 75: something is, and the next run goes on with it. While one homing drains a \
             queue, a second one says so and ends with 0.",
            "A file leaves the queue when its message has been acknowledged. Delivery is at least once: a repeat has \
             the same key, the same bytes and the same message_id. Nobody is told of an object before S3 has \
             confirmed it.",
            "What cannot be delivered as it is goes to failed/ with the reason, and the next file has its turn: a \
             damaged entry, a file that has changed in the queue, a message that is too large, an object that S3 \
             refuses for its key, tags, storage class or --if-none-match. After 3 refusals by S3 in a row a run gives \
             up no more files.",
            "What may be the device's fault stays in the queue: a disk that cannot be read, AccessDenied, an unknown \
             bucket, wrong credentials or a wrong certificate, and whatever a later attempt may mend. After 3 such \
             failures in a row drain stops. Files that failed in an earlier run are passed over after 3, so that the \
             others have their turn, but for those whose own turn it is: 2 minutes after a first failure, and up to 17 \
             hours after many.",
            "Without S3 or credentials, small files still go; without the data endpoint, drain stops at once. After \
             runs in which AWS did not answer the next one waits, 5 seconds at first and up to 5 minutes, each device \
             for a time of its own, so that a fleet does not come back all at once. --now does not wait.",
            "With --watch the files in a directory are queued first, each when it is complete: closed by its writer, \
             or renamed into the directory. A file that was there before, or that no event told of, must not have \
             changed for 10 seconds, and nobody may be seen to have it open for writing; where that cannot be seen \
             (on a network file system, or another user's file without being root) it is 70 seconds. With --settle a \
             file must not have changed for so long, open or not. Symbolic links, directories, hidden names, and \
             names that end with ~, .part, .partial, .filepart, .crdownload, .tmp or .temp are left alone. Hard links \
             into the directory are taken at the next start, or with --settle. --content-type, --metadata, --tag, \
             --presign and their like are for these files; what homing send --queue left has its own.",
            "With --follow it stays: it delivers what comes into the queue as soon as it is there, and waits after \
             failures. --timeout then counts for each pass. SIGTERM and SIGINT end it at once, even during an upload; \
             the next run goes on. Meanwhile homing send --queue leaves the delivery to it, with exit code 75.",
        ],
        examples: &[
            "homing drain",
            "homing drain --now --json",
            "homing drain --timeout 240",
            "homing drain --follow --watch /var/spool/out --status-file /run/homing.json",
            "homing drain --watch /var/spool/logs --tag kind=log --storage-class GLACIER_IR",
        ],
        options: &[(Id::Expires, "with --presign: how long the URL is good; it ends with the credentials in any case")],
    },
    CommandHelp {
        name: "queue",
        commands: QUEUE,
        endpoint: Id::EndpointUrl,
        arguments: "list | status | retry ENTRY… | remove ENTRY… [options]",
        summary: "look at the queue of send --queue, or change it",
        description: &[
            "list names every ENTRY and what went wrong: first those in failed/, then those that wait, oldest first. \
             status counts them. retry puts failed entries back among those that wait. remove deletes entries with \
             their files. failed, in place of ENTRY, means all that have failed.",
            "The queue is a directory on this device; this needs no network, no credentials and no running drain.",
        ],
        examples: &[
            "homing queue list",
            "homing queue status --json",
            "homing queue retry failed",
            "homing queue remove 20261122T224331.000000",
        ],
        options: &[],
    },
    CommandHelp {
        name: "put",
        commands: PUT,
        endpoint: Id::EndpointUrl,
        arguments: "FILE|- s3://BUCKET/KEY [options]",
        summary: "store one file in S3, streamed in constant memory",
        description: &[
            "If the key is left out or ends with a slash, the file's name is added. No message is published. The role \
             needs s3:PutObject, and for --tag s3:PutObjectTagging.",
            "A file larger than multipart_threshold goes in parts of part_size bytes. Each part that S3 has confirmed \
             is recorded in the queue's directory (queue.dir, in uploads): after a power cut or a lost connection the \
             same command sends only what is missing. A file that has changed meanwhile is sent anew. The object \
             appears when all parts are there; its ETag is then no MD5 of the file. With s3:ListMultipartUploadParts \
             S3 is asked which parts it has, and with s3:AbortMultipartUpload an upload that is given up is removed; \
             homing does without either.",
            "With - standard input is stored, of whatever length, in parts of part_size. One part at a time is kept \
             in a file without a name in $TMPDIR, queue.dir or /tmp. Such an upload cannot be resumed.",
            "With --abort-stale and s3://BUCKET/PREFIX instead, unfinished multipart uploads that were begun more \
             than --older-than ago are aborted, each reported in a line. They are those of keys with that prefix, or \
             of thing_name and a slash if there is none. That needs s3:ListBucketMultipartUploads and \
             s3:AbortMultipartUpload.",
        ],
        examples: &[
            "tar cz /var/log | homing put - s3://my-bucket/logs.tar.gz",
            "homing put --abort-stale --dry-run s3://my-bucket",
            "homing put backup.tar s3://my-bucket/backups/",
            "homing put --if-none-match --tag kind=log day.log s3://my-bucket/logs/day.log",
            "homing put --endpoint-url https://minio:9000 --path-style a.bin s3://data/",
        ],
        options: &[(Id::DryRun, "say what would be sent where, or aborted, and do nothing")],
    },
    CommandHelp {
        name: "get",
        commands: GET,
        endpoint: Id::EndpointUrl,
        arguments: "s3://BUCKET/KEY FILE|- [options]",
        summary: "fetch one object from S3, resumed, verified, then renamed",
        description: &[
            "The bytes are streamed into FILE.part. When all of them are there, and fit the checksum that S3 keeps \
             (where it keeps one of the whole object), FILE.part is renamed to FILE: FILE is never half written, and \
             an old one stays until then. If FILE is a directory, the last part of the key is the name in it. With - \
             the bytes go to standard output.",
            "A download that breaks off is resumed: up to twice by itself, then by the same command again, as long as \
             the object is still the same one (by its ETag). FILE.part.json says what FILE.part belongs to; both may \
             be deleted.",
            "With --if-changed nothing is fetched, and the exit code is 0, while S3 still has the object that FILE \
             was fetched from with --if-changed before, and FILE was not touched since. What was fetched is \
             remembered in .FILE.homing-etag beside it. The role needs s3:GetObject.",
        ],
        examples: &[
            "homing get s3://my-bucket/firmware/v2.bin /run/firmware.bin",
            "homing get --if-changed s3://my-bucket/camera.json /etc/camera.json",
            "homing get s3://my-bucket/site.tar.gz - | tar xz -C /srv",
        ],
        options: &[(
            Id::Checksum,
            "any but none: ask another store than AWS for the checksum it keeps, too; AWS is always asked",
        )],
    },
    CommandHelp {
        name: "presign",
        commands: PRESIGN,
        endpoint: Id::EndpointUrl,
        arguments: "[--put] [--expires SECONDS] s3://BUCKET/KEY [options]",
        summary: "print a URL that gives access to one object for a while",
        description: &[
            "Whoever has the URL can fetch the object, or with --put store it, with any HTTP client and without \
             credentials, until it expires. Whether the object exists, and whether the role may do it (s3:GetObject, \
             s3:PutObject), only shows when the URL is used.",
            "A URL that is signed with temporary credentials ends with them, however long --expires says, and \
             contains their session token: treat it as a password. With --json the line also says when it ends.",
        ],
        examples: &[
            "homing presign s3://my-bucket/camera/latest.jpg",
            "curl -o 1.jpg \"$(homing presign --expires 300 s3://my-bucket/camera/1.jpg)\"",
            "curl -T log.gz \"$(homing presign --put s3://my-bucket/camera/log.gz)\"",
        ],
        options: &[],
    },
    CommandHelp {
        name: "publish",
        commands: PUBLISH,
        endpoint: Id::EndpointUrl,
        arguments: "TOPIC [-m TEXT | -f FILE | -] [options]",
        summary: "publish one MQTT message, or one for each line",
        description: &["Without -m and -f, and with -, the message is read from standard input."],
        examples: &[
            "homing publish sensors/temperature -m 21.5",
            "homing publish --via https status -f status.json",
            "tail -f events.log | homing publish --lines events",
        ],
        options: &[],
    },
    CommandHelp {
        name: "check",
        commands: CHECK,
        endpoint: Id::EndpointUrl,
        arguments: "[--write] [--json] [options]",
        summary: "find out what is wrong with this device, and what to do",
        description: &[
            "Goes through a whole delivery and prints a line for each step: configuration, files, certificate, each \
             endpoint (name, TCP, proxy, TLS, ALPN), MQTT, clock, role alias, identity, S3, queue, the credentials' \
             life. Under a step that failed it says why, and what to do. It goes on as long as later steps mean \
             something. The exit code is that of the first failure; 0: nothing failed.",
            "Nothing is stored, published or kept, and credentials of earlier runs are not used. With --write an \
             empty object is stored, under the key that a file named homing-check would get, and a message of type \
             check is published to the topic: that shows whether the policies allow it. Without it, S3 is only asked \
             for the bucket, and MQTT only connects. That connection has the configured client id, so it ends another \
             one with the same id: a running homing drain --follow connects again.",
            "With --json each step is one line: check, setting (the one it is about), result (ok, failed or skipped), \
             details, note, error. The last line is {\"check\":\"summary\",\"result\":…,\"exit_code\":…} with how \
             many there were.",
        ],
        examples: &["homing check", "homing check --write", "homing check --json | tail -n 1"],
        options: &[],
    },
    CommandHelp {
        name: "credentials",
        commands: CREDENTIALS,
        endpoint: Id::EndpointUrl,
        arguments: "[--format process|env|json] [options]",
        summary: "fetch temporary AWS credentials and print them",
        description: &[
            "The sources are tried in this order unless --credentials names one: the role alias over mutual TLS, \
             where it is configured; the container endpoint (AWS_CONTAINER_CREDENTIALS_…, as Greengrass gives it); \
             the environment.",
            "Those from the role alias are kept for the next runs of any command until 5 minutes before they end, in \
             memory and for this user only. A refusal is remembered for 2 minutes, a failure of TLS for 5. --no-cache \
             asks AWS anew.",
        ],
        examples: &[
            "homing credentials",
            "homing credentials --no-cache --json",
            "eval \"$(homing credentials --format env)\"",
            "credential_process = /usr/local/bin/homing credentials --min-ttl 900",
        ],
        options: &[(
            Id::Format,
            "process (for credential_process in ~/.aws/config; the default), env (shell exports) or json (as received)",
        )],
    },
    CommandHelp {
        name: "exec",
        commands: EXEC,
        endpoint: Id::EndpointSecretsmanager,
        arguments: "[--aws] [--secret …] [--git …] [--codeartifact …] -- COMMAND…",
        summary: "run a command with credentials or secrets in its environment",
        description: &[
            "The command gets what you ask for in its environment only: it is in no argument, file or log. homing \
             becomes the command: signals, exit code and process id are the command's own. homing's flags stand \
             before --.",
            "--aws gives AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN and AWS_CREDENTIAL_EXPIRATION. \
             It also gives AWS_REGION and AWS_DEFAULT_REGION, where they are not set or --region or HOMING_REGION \
             says another, and removes AWS_PROFILE, so that the credentials count. With --refresh, for a command that \
             runs longer than credentials live, it gives what homing serve -- COMMAND gives instead: homing then \
             stays beside the command, passes signals on, and ends with it.",
            "--secret VARIABLE=ID[:KEY] gives a secret of AWS Secrets Manager, by its name or ARN. KEY, behind the \
             name or the whole ARN, takes one key's value of a secret that is a JSON object.",
            "--git [USER@]HOST=ID[:KEY] lets the git that the command runs, however deep inside pip or a script, use \
             a secret as its password for https://HOST/…: git asks homing for it, so it is in no URL, argument or \
             log. USER is x-access-token unless given, as GitHub has it. git does not ask on the terminal.",
            "--codeartifact fetches a token for a CodeArtifact domain and gives PIP_INDEX_URL and UV_DEFAULT_INDEX \
             (with --extra: PIP_EXTRA_INDEX_URL and UV_INDEX), NETRC with pip's password, TWINE_… and UV_PUBLISH_…; \
             with --format npm npm_config_registry and the token for it (name npm itself as the command: some shells \
             drop that variable); with any other --format CODEARTIFACT_AUTH_TOKEN. homing help codeartifact says what \
             the role needs.",
            "The variables that homing itself takes credentials from (AWS_ACCESS_KEY_ID and its companions, \
             AWS_CONTAINER_…) are not passed on: the command has the credentials that it is given.",
            "The exit code is the command's; 127 when there is no such command, 126 when it cannot be executed.",
        ],
        examples: &[
            "homing exec --aws -- python3 upload.py",
            "homing exec --aws --refresh -- python3 runs-for-weeks.py",
            "homing exec --secret DB_PASSWORD=camera/db:password -- ./migrate",
            "homing exec --git github.com=GithubToken:mypat -- pip3 install -r private.txt",
            "homing exec --codeartifact my-domain/my-repo -- pip3 install -U my-package",
            "homing exec --codeartifact my-domain/my-repo --extra -- pip3 install package",
            "homing exec --codeartifact my-domain/my-repo --format npm -- npm install",
        ],
        options: &[
            (
                Id::Format,
                "with --codeartifact: the format of its packages, pypi (the default), npm, maven, nuget, generic, ruby, \
                 swift or cargo",
            ),
            (
                Id::EndpointUrl,
                "VPC endpoint to use in place of Secrets Manager's own; with --codeartifact, of CodeArtifact's, which is \
                 AWS_ENDPOINT_URL_CODEARTIFACT, too",
            ),
            (Id::Timeout, "the longest until the command starts; 0: as long as there is progress"),
        ],
    },
    CommandHelp {
        name: "serve",
        commands: SERVE,
        endpoint: Id::EndpointUrl,
        arguments: "[options] [-- COMMAND…]",
        summary: "give AWS credentials to other programs while it runs",
        description: &[
            "Every AWS SDK and the AWS CLI can fetch their credentials from it, and new ones before the old expire: \
             it is the endpoint that ECS and Greengrass's token exchange service have for their containers. It \
             listens on loopback, and answers clients that show a token. AWS is asked once for all of them, five \
             minutes before the credentials expire, or --min-ttl before, where that is more.",
            "A client needs the variables AWS_CONTAINER_CREDENTIALS_FULL_URI and AWS_CONTAINER_AUTHORIZATION_TOKEN. \
             With a COMMAND, homing starts it with them (and with AWS_REGION, AWS_DEFAULT_REGION and \
             AWS_IOT_THING_NAME where they are known; without AWS_PROFILE and without the variables that homing \
             itself takes credentials from), passes signals on to it, and ends when it ends, with its exit code; 127 \
             when there is no such command, 126 when it cannot be executed.",
            "Without a COMMAND homing serves until SIGTERM: --print-env prints the variables, and --token-file FILE \
             keeps the token in a file, for clients that read it there (AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE).",
            "SDKs accept credentials without TLS only from 127.0.0.1, [::1], 169.254.170.2, 169.254.170.23 and \
             [fd00:ec2::23]. A container therefore needs the host's network (docker run --net=host), or one of these \
             addresses on its bridge: ip address add 169.254.170.2/32 dev docker0, and --listen 169.254.170.2:80. In \
             SDKs a default profile in ~/.aws comes before all this.",
        ],
        examples: &[
            "homing serve -- python3 runs-for-weeks.py",
            "homing serve -- docker compose up",
            "homing serve --print-env >/run/homing.env",
            "homing serve --listen 169.254.170.2:80 --token-file /run/homing.token",
        ],
        options: &[
            (Id::Region, "AWS region that clients are told; when unset, the one in an AWS IoT endpoint's name"),
            (Id::MinTtl, "renew credentials that would live shorter than this, if it is more than five minutes"),
            (Id::Timeout, "the longest that fetching credentials may take; 0: as long as there is progress"),
        ],
    },
    CommandHelp {
        name: "secret",
        commands: SECRET,
        endpoint: Id::EndpointSecretsmanager,
        arguments: "get ID [--field KEY] [options]",
        summary: "print a secret of AWS Secrets Manager",
        description: &[
            "ID is the secret's name or ARN; an ARN's region counts before the one that is set. The value is printed \
             byte by byte as it is, without a newline, except on a terminal. A binary secret goes to a file or a pipe \
             as its bytes.",
            "--field takes one key's value of a secret that is a JSON object: a text without its quotes, anything \
             else as it stands there. db.user is the key of that name, or user in the object db.",
            "For a command that takes a secret from a variable, use homing exec --secret, which keeps it out of the \
             shell. The role needs secretsmanager:GetSecretValue on the secret.",
        ],
        examples: &[
            "homing secret get door/pin",
            "homing secret get GithubToken --field mypat",
            "homing secret get wifi/key.p12 --version-stage AWSPREVIOUS",
        ],
        options: &[],
    },
    CommandHelp {
        name: "git-credential",
        commands: GIT_CREDENTIAL,
        endpoint: Id::EndpointSecretsmanager,
        arguments: "--git [USER@]HOST=ID[:KEY] [options] get",
        summary: "a git credential helper that answers from Secrets Manager",
        description: &[
            "git runs this itself, if the example's line is in ~/.gitconfig under [credential]: with an operation \
             (get, store or erase) as the last argument, and the question on standard input (gitcredentials(7)). For \
             https:// and a HOST that is named, with its port where the URL has one, the answer is the secret. For \
             any other there is no answer, and git asks elsewhere. Nothing is stored.",
            "USER is x-access-token unless given or asked for by git. The secret must be the password itself; KEY \
             takes it out of a secret that is a JSON object.",
            "With --git-variable the password comes from a variable, without AWS: homing exec --git uses it.",
        ],
        examples: &["helper = \"!homing git-credential --git github.com=GithubToken:mypat\""],
        options: &[],
    },
    CommandHelp {
        name: "codeartifact",
        commands: CODEARTIFACT,
        endpoint: Id::EndpointCodeartifact,
        arguments: "token|endpoint|login|logout [DOMAIN[/REPOSITORY]] …",
        summary: "tokens and endpoints of CodeArtifact package repositories",
        description: &[
            "token prints an authorization token for the domain, endpoint the repository's URL for --format. To run a \
             command that installs packages, use homing exec --codeartifact instead: the token is then in no file.",
            "login writes repository and token into the tool's own configuration, which becomes private to its owner \
             (mode 0600): pip's is PIP_CONFIG_FILE or ~/.config/pip/pip.conf, twine's ~/.pypirc (then: twine upload \
             --repository codeartifact). logout takes it back and restores what login replaced; whatever else is in \
             the file stays as it is.",
            "The role needs codeartifact:GetAuthorizationToken, codeartifact:GetRepositoryEndpoint, \
             codeartifact:ReadFromRepository and sts:GetServiceBearerToken.",
            "In a closed network, --endpoint-url is the VPC endpoint codeartifact.api and --repository-endpoint-url \
             codeartifact.repositories. Each is needed only where private DNS is off. Besides them homing connects to \
             the credential provider only.",
        ],
        examples: &[
            "homing codeartifact token my-domain --duration 900",
            "homing codeartifact endpoint my-domain/my-repo --format npm",
            "homing codeartifact login --tool pip my-domain/my-repo",
            "homing codeartifact login --tool twine my-domain/my-repo --duration 0",
            "homing codeartifact logout --tool pip",
        ],
        options: &[(
            Id::Format,
            "endpoint: the format of the packages, pypi (the default), npm, maven, nuget, generic, ruby, swift or cargo",
        )],
    },
    CommandHelp {
        name: "ecr",
        commands: ECR,
        endpoint: Id::EndpointEcr,
        arguments: "password [--public] [options]",
        summary: "print the password of Amazon's container registries",
        description: &[
            "The user's name is AWS. The password is good for every private registry that the role may use (or with \
             --public for public.ecr.aws) and lives 12 hours. docker login keeps it in ~/.docker/config.json all that \
             time; as a credential helper (homing help docker-credential) homing leaves no password anywhere.",
            "The role needs ecr:GetAuthorizationToken; for --public, ecr-public:GetAuthorizationToken and \
             sts:GetServiceBearerToken.",
        ],
        examples: &[
            "homing ecr password | docker login -u AWS --password-stdin REGISTRY",
            "homing ecr password --public",
        ],
        options: &[],
    },
    CommandHelp {
        name: "docker-credential",
        commands: DOCKER_CREDENTIAL,
        endpoint: Id::EndpointEcr,
        arguments: "get|list|store|erase|version [options]",
        summary: "fetch registry passwords for docker, podman and others",
        description: &[
            "Docker's credential-helper protocol, as docker, podman, buildah, skopeo and containerd's nerdctl speak it. \
             Called as docker-credential-homing, a link that the installer makes, it needs no command: name the \
             registries in ~/.docker/config.json (or containers' auth.json), and every pull fetches its own password: \
             {\"credHelpers\": {\"123456789012.dkr.ecr.eu-west-1.amazonaws.com\": \"homing\", \"public.ecr.aws\": \
             \"homing\"}}",
            "get reads a registry's name from standard input and answers with its user and password. The region is the \
             one in the name. list names the registry of the account. Nothing is kept, so erase has nothing to do, and \
             store is refused, unless AWS_ECR_IGNORE_CREDS_STORAGE=true says that it is to be ignored.",
            "Docker passes no flags: settings come from variables and from the configuration file. Errors go to standard \
             output, where Docker looks for them.",
        ],
        examples: &["echo public.ecr.aws | homing docker-credential get", "homing docker-credential version"],
        options: &[],
    },
    CommandHelp {
        name: "dynamodb",
        commands: DYNAMODB,
        endpoint: Id::EndpointDynamodb,
        arguments: "put-item TABLE [--item JSON | -f FILE | -] [options]",
        summary: "write items into a DynamoDB table",
        description: &[
            "The item is DynamoDB's JSON, {\"temperature\": {\"N\": \"21.50\"}}, or with --plain ordinary JSON, \
             {\"temperature\": 21.50}. Without --item and -f it is read from standard input. An item that exists with \
             the same key is replaced, unless --condition says when not: then the exit code is 77.",
            "With --lines every line is an item. They are written 25 at a time; what DynamoDB leaves unwritten for \
             want of capacity is sent up to 8 times, with growing waits. A bad line ends the run: all lines before it \
             are written, and none after it. --json tells which lines each batch had.",
            "The role needs dynamodb:PutItem on the table, and for --lines dynamodb:BatchWriteItem.",
        ],
        examples: &[
            "homing dynamodb put-item readings --plain --item '{\"id\":\"a\",\"celsius\":21.50}'",
            "homing dynamodb put-item t -f a.json --condition 'attribute_not_exists(id)'",
            "tail -n 100 readings.jsonl | homing dynamodb put-item readings --plain --lines",
        ],
        options: &[
            (Id::File, "read the item from this file; - is standard input"),
            (Id::Lines, "every line of the input is an item"),
        ],
    },
    CommandHelp {
        name: "init",
        commands: INIT,
        endpoint: Id::EndpointUrl,
        arguments: "[--from greengrass|device-client] [FILE] [options]",
        summary: "write a configuration from what the device already has",
        description: &[
            "--from looks where Greengrass (nucleus or Lite) or the AWS IoT Device Client keep their configuration; \
             FILE names one in another place. A setting that is given as a flag, such as --bucket, is written too, \
             and counts before what is found. On a terminal, without any of these, it asks.",
            "It writes the file that --config names, mode 0600, and replaces one only with --force. It says what is \
             missing and how to find it.",
        ],
        examples: &[
            "homing init --from greengrass --bucket my-bucket",
            "homing init --config /tmp/config.json --from device-client",
            "homing init --thing-name camera-1 --certificate a.pem.crt --private-key a.key",
        ],
        options: &[(Id::Config, "the file to write")],
    },
    CommandHelp {
        name: "csr",
        commands: CSR,
        endpoint: Id::EndpointUrl,
        arguments: "[FILE|-] [options]",
        summary: "make a private key and a certificate request",
        description: &[
            "The key, EC P-256 as PKCS#8, goes into the file of private_key, mode 0600, and never leaves the device. \
             The request goes into FILE; when unset, beside the key, as .csr. It prints the command to run with the \
             request where the AWS CLI is set up.",
        ],
        examples: &["homing csr", "homing csr --thing-name camera-1 --private-key private.pem.key camera-1.csr"],
        options: &[],
    },
    CommandHelp {
        name: "status",
        commands: STATUS,
        endpoint: Id::EndpointUrl,
        arguments: "[options]",
        summary: "show the certificate's life, the queue and the last run",
        description: &[
            "It connects to nothing: the credentials are those that runs have kept, and the last run is what \
             status_file tells.",
        ],
        examples: &["homing status", "homing status --json"],
        options: &[(Id::StatusFile, "the file that the runs write, and this reads")],
    },
];
