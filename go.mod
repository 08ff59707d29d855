module aws

go 1.26.0

require (
	github.com/mattn/go-pointer v0.0.1
	github.com/spf13/cobra v1.10.2
	golang.org/x/sys v0.49.0
)

require (
	github.com/inconshreveable/mousetrap v1.1.0 // indirect
	github.com/spf13/pflag v1.0.9 // indirect
)

ignore (
	./build
	./dist
)
