// Package handler defines what decides the response to a request.
//
// A Handler is one of the modes of the server; internal/handler/dropin and internal/handler/fileserver are the two
// implementations. Each event loop has a Responder of its own and asks it about every request.
//
// # Decisions do not wait
//
// A Responder decides on the request, and on what Files finds for the names that the request needs. Where that would have to
// wait for a disk or a processor, Files has worker threads find it out, and the Responder reports that it can't decide yet. The
// loop asks it again for the same request when the outcome is there. A Responder therefore keeps nothing of a request
// from one call to the next, and makes the same decision however often it is asked.
//
// # Ownership
//
// A Response belongs to the loop, which resets it for each request. Response.File is a reference that the loop releases.
// Every other reference that Files has given out, the Responder releases before it returns, whatever it returns.
package handler
