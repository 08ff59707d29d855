module aws

go 1.26
