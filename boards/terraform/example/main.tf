# Two cameras. Each has made its certificate request with homing csr, or with openssl as in boards/aws-cli/README.md; the
# requests are camera-1.csr and camera-2.csr, beside this file.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.25"
    }
  }
}

provider "aws" {
  region = "eu-west-1"
}

module "homing" {
  source = "../"

  bucket = "my-camera-files"
  devices = {
    for thing in ["camera-1", "camera-2"] : thing => file("${path.module}/${thing}.csr")
  }
}

output "certificates" {
  value = module.homing.certificates
}

output "configurations" {
  value = module.homing.configurations
}
