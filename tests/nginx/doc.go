// Package nginx sends the same requests to nginx and to aws, each with a configuration of the same meaning, and compares which
// site and route respond, with which status, file, target and header fields.
//
// A case says what aws must respond. Where nginx responds otherwise, the case also has the response of nginx and the reason, which
// is in the table of differences. A difference without a reason fails the test, and so does a reason without a difference.
//
// Each case is also explained: the handler must decide in the process of the test as it does in the server, and
// `aws check --explain` must print what the server responds. Without nginx, aws is tested alone.
package nginx
