output "certificates" {
  description = "Each device's certificate (PEM), by thing name: its /etc/homing/device.pem.crt."
  # The provider marks it as secret; a certificate is none.
  value = { for thing in keys(var.devices) : thing => nonsensitive(aws_iot_certificate.device[thing].certificate_pem) }
}

output "configurations" {
  description = "Each device's configuration (JSON), by thing name: its /etc/homing/config.json."
  value = { for thing in keys(var.devices) : thing => jsonencode({
    region              = data.aws_region.current.region
    thing_name          = thing
    certificate         = "/etc/homing/device.pem.crt"
    private_key         = "/etc/homing/private.pem.key"
    credential_endpoint = data.aws_iot_endpoint.credentials.endpoint_address
    data_endpoint       = data.aws_iot_endpoint.data.endpoint_address
    role_alias          = aws_iot_role_alias.upload.alias
    bucket              = aws_s3_bucket.files.bucket
    topic               = var.topic
  }) }
}
