package response

// Conditions are the conditional fields of a request (RFC 9110 section 13.1). The first two are lists and
// may have several lines; no line means that the field is absent. The others are absent if they are empty.
// If such a field is repeated it has no meaning, and the caller must leave it empty.
type Conditions struct {
	IfMatch, IfNoneMatch                        [][]byte
	IfModifiedSince, IfUnmodifiedSince, IfRange []byte
}

// Validators are the values that the conditions are compared with: those of the selected representation.
type Validators struct {
	// ETag is the entity tag with its quotes, or empty if there is none.
	ETag []byte
	// ModifiedSeconds is the value of Last-Modified, in seconds since 1970-01-01 UTC.
	ModifiedSeconds int64
	// Undated means that there is no Last-Modified, so conditions on dates are ignored.
	Undated bool
}

// Outcome is the result of evaluating the conditions of a request.
type Outcome uint8

// The outcomes.
const (
	// Proceed means a response as without conditions. Range applies.
	Proceed Outcome = iota
	// ProceedWhole means a response with the whole representation: If-Range failed, and Range is ignored.
	ProceedWhole
	// OutcomeNotModified means a 304 response.
	OutcomeNotModified
	// OutcomePreconditionFailed means a 412 response.
	OutcomePreconditionFailed
)

// String returns a few lower-case words for a log line.
func (o Outcome) String() string {
	switch o {
	case Proceed:
		return "proceed"
	case ProceedWhole:
		return "proceed without range"
	case OutcomeNotModified:
		return "not modified"
	case OutcomePreconditionFailed:
		return "precondition failed"
	}
	return "unknown"
}

// Evaluate evaluates the conditions in the order of RFC 9110 section 13.2.2. The representation must exist:
// for a missing file, the response does not depend on conditions. safe means that the method is GET or HEAD.
// nowSeconds is the current time, for ParseDate.
//
// A malformed date is ignored (sections 13.1.3 and 13.1.4), except in If-Range, where the condition then
// fails, because the whole representation is always a correct response. If-None-Match uses the weak
// comparison of entity tags, If-Match and If-Range use the strong one.
func Evaluate(c *Conditions, v *Validators, safe bool, nowSeconds int64) Outcome {
	if present(c.IfMatch) {
		if !matchETag(c.IfMatch, v.ETag, true) {
			return OutcomePreconditionFailed
		}
	} else if len(c.IfUnmodifiedSince) > 0 && !v.Undated {
		if date, ok := ParseDate(c.IfUnmodifiedSince, nowSeconds); ok && v.ModifiedSeconds > date {
			return OutcomePreconditionFailed
		}
	}
	if present(c.IfNoneMatch) {
		if matchETag(c.IfNoneMatch, v.ETag, false) {
			if safe {
				return OutcomeNotModified
			}
			return OutcomePreconditionFailed
		}
	} else if len(c.IfModifiedSince) > 0 && !v.Undated && safe {
		if date, ok := ParseDate(c.IfModifiedSince, nowSeconds); ok && v.ModifiedSeconds <= date {
			return OutcomeNotModified
		}
	}
	if len(c.IfRange) > 0 && !ifRangeHolds(c.IfRange, v, nowSeconds) {
		return ProceedWhole
	}
	return Proceed
}

// present reports whether a list field is present. A field whose lines are all empty is malformed, and
// counts as absent.
func present(lines [][]byte) bool {
	for _, line := range lines {
		if len(line) > 0 {
			return true
		}
	}
	return false
}

// ifRangeHolds applies RFC 9110 section 13.1.5: the value must be an equal strong entity tag, or a date that
// equals Last-Modified.
func ifRangeHolds(value []byte, v *Validators, nowSeconds int64) bool {
	if value[0] == '"' || value[0] == 'W' && len(value) > 1 && value[1] == '/' {
		opaque, weak, rest, ok := nextETag(value)
		own, ownWeak, _, ownOK := nextETag(v.ETag)
		return ok && ownOK && !weak && !ownWeak && len(rest) == 0 && string(opaque) == string(own)
	}
	date, ok := ParseDate(value, nowSeconds)
	return ok && !v.Undated && date == v.ModifiedSeconds
}
