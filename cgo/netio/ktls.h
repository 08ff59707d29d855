/* ktls.h: the operations of the batch for TLS in the kernel. */
#ifndef AWS_KTLS_H
#define AWS_KTLS_H

#include "aws_net.h"

int64_t aws_tls_send(const struct aws_op *op);
int64_t aws_send_record(const struct aws_op *op);
int64_t aws_tls_sent(const struct aws_op *op);

#endif
