terraform {
  required_version = ">= 1.5"

  required_providers {
    aws = {
      source = "hashicorp/aws"
      # The release whose schema the tests compare with; it has thing_principal_type.
      version = ">= 6.25.0"
    }
  }
}
