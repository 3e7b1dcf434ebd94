#!/bin/sh
# Delivers one file from an IoT device with curl, jq and mosquitto_pub: what homing is measured beside.
# At most 51,200 bytes go inside the message; a larger file goes to S3, and the message says where it is.
set -eu
# shellcheck disable=SC1090 # What the device is called, and where its certificate and its endpoints are.
. "$DEVICE_SETTINGS"
file="$1"
name="$(basename "$file")"

publish() {
    mosquitto_pub -h "$DATA_HOST" -p "$DATA_PORT" -i "$THING" -t file/upload -q 1 \
        --cafile "$CA_FILE" --cert "$CERTIFICATE" --key "$PRIVATE_KEY" "$@"
}

if [ "$(stat -c %s "$file")" -le 51200 ]; then
    base64 -w 0 "$file" | jq -R -c '{type: "file_content", content: .}' | publish -s
    exit
fi

credentials="$(curl --silent --show-error --fail --cacert "$CA_FILE" --cert "$CERTIFICATE" --key "$PRIVATE_KEY" \
    --header "x-amzn-iot-thingname: $THING" "https://$CREDENTIAL_ENDPOINT/role-aliases/$ROLE_ALIAS/credentials")"
# One jq for all three: each costs as much as a program start.
eval "$(printf %s "$credentials" |
    jq -r '.credentials | @sh "key_id=\(.accessKeyId) secret=\(.secretAccessKey) token=\(.sessionToken)"')"
# S3 wants to be told that the body has no hash; curl says so by itself from version 8 on.
# shellcheck disable=SC2154 # Assigned by jq's answer.
curl --silent --show-error --fail --cacert "$CA_FILE" --aws-sigv4 "aws:amz:$REGION:s3" --user "$key_id:$secret" \
    --header "x-amz-security-token: $token" --header 'x-amz-content-sha256: UNSIGNED-PAYLOAD' --upload-file "$file" "https://$S3_ENDPOINT/$BUCKET/$name"
publish -m "{\"type\":\"s3_url\",\"url\":\"https://$BUCKET.s3.amazonaws.com/$name\"}"
