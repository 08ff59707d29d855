package fileserver

import (
	"aws/internal/request"
	"aws/internal/response"
)

// sendRanges responds with the ranges that are requested, or with the whole file. Range means something in GET only (RFC
// 9110 section 14.2).
func (d *decision) sendRanges() response.Status {
	value, ok := d.single(request.Range)
	if !ok || d.request.Method != request.MethodGet {
		return d.sendWhole()
	}
	var verdict response.RangeVerdict
	d.scratch.ranges, verdict = response.ParseRanges(d.scratch.ranges[:0], value, d.file.Size, d.server.rangesMax)
	switch {
	case verdict == response.RangesIgnored:
		return d.sendWhole()
	case verdict == response.RangesUnsatisfiable:
		return d.sendUnsatisfiable()
	case len(d.scratch.ranges) == 1:
		return d.sendRange(d.scratch.ranges[0])
	default:
		return d.sendParts()
	}
}

// sendWhole responds with all of the file.
func (d *decision) sendWhole() response.Status {
	r := d.response
	d.appendHead(response.OK, "", d.file.Size)
	d.endHead()
	if d.request.Method != request.MethodGet {
		return response.OK
	}
	if !d.file.Loads() {
		if content := d.files.Small(d.file); content != nil {
			r.Shared = content
			return response.OK
		}
	}
	r.To = d.file.Size
	return response.OK
}

// sendRange responds with one range.
func (d *decision) sendRange(part response.Range) response.Status {
	r := d.response
	d.appendHead(response.PartialContent, "", part.Length)
	var value [64]byte
	r.Head = response.AppendFieldBytes(r.Head, "Content-Range", response.AppendContentRange(value[:0], part, d.file.Size))
	d.endHead()
	r.From, r.To = part.Start, part.Start+part.Length
	return response.PartialContent
}

// sendParts responds with several ranges (RFC 9110 section 14.6). The type of the content is that of the parts'
// envelope, and each part has that of the file.
func (d *decision) sendParts() response.Status {
	r, s, size := d.response, d.scratch, d.file.Size
	var memory [response.BoundaryBytes]byte
	boundary := response.AppendBoundary(memory[:0], d.files.Random(), d.files.Random())
	mediaType := prepared(d.plain).mediaType
	s.bytes = response.AppendMultipartType(s.bytes[:0], boundary)
	d.appendHead(response.PartialContent, string(s.bytes), response.MultipartBytes(s.ranges, mediaType, size))
	d.endHead()
	for i, part := range s.ranges {
		s.bytes = response.AppendPartHead(s.bytes[:0], boundary, mediaType, part, size)
		if i == 0 {
			r.Head = append(r.Head, s.bytes...)
			r.From, r.To = part.Start, part.Start+part.Length
			continue
		}
		r.AddPart(s.bytes, part.Start, part.Start+part.Length)
	}
	s.bytes = response.AppendPartsEnd(s.bytes[:0], boundary)
	r.AddPart(s.bytes, 0, 0)
	return response.PartialContent
}

// sendUnsatisfiable responds that the file has none of the ranges.
func (d *decision) sendUnsatisfiable() response.Status {
	r := d.response
	d.appendHead(response.RangeNotSatisfiable, "", 0)
	var value [64]byte
	r.Head = response.AppendFieldBytes(r.Head, "Content-Range", response.AppendUnsatisfiedRange(value[:0], d.file.Size))
	d.endHead()
	return response.RangeNotSatisfiable
}
