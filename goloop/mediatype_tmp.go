package goloop

func mediaType(name string) string { return "application/octet-stream" }
