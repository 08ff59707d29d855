package main

// mutation is a deliberate bug. Its name is in a directive above the code that it changes.
type mutation struct {
	name    string
	breaks  string // what it breaks, in a sentence
	foundBy string // the test of tests/sim that finds it
	edit    edit
}

// The tests of tests/sim: with the handler of the drop-in, and with that of the file server, without and with TLS, and with HTTP/2.
const (
	dropIn     = "TestSim"
	fileServer = "TestServe"
	https      = "TestTLS"
	streams    = "TestHTTP2"
)

// mutations are all mutations. An edit takes names from the code where it can.
var mutations = []mutation{
	// internal/loader: the pool, its buffers, and the reads into them.
	{
		"buffer-freed-early", "A transfer that ends frees buffers that the kernel is still filling.",
		dropIn, replace(
			"if $i := $at; $isLoaded { $p.$free($i) }",
			"if $i := $at; $i >= 0 { $p.free = append($p.free, $i) }",
		),
	},
	{
		"allocated-buffers-leak", "Buffers that a transfer was allocated and has not used are not released.",
		dropIn, drop(),
	},
	{
		"buffer-sent-early", "A buffer is sent though its read is queued or in flight.",
		dropIn, replace("$b.$state != $loaded", "$b.$state == bufferFree"),
	},
	{
		"buffer-of-another-chunk", "A chunk is sent from the buffer of another one of the window.",
		dropIn, replace("$t.at($_)", "$t.at($t.next-1-int64(n))"),
	},
	{
		"share-of-moved-buffers", "The buffers of a transfer that has to wait for a disk still count to the share of those in memory.",
		dropIn, drop(),
	},
	{
		"read-may-block", "A read from the page cache is submitted that waits for the disk.",
		dropIn, replace("true", "false"),
	},
	{
		"direct-read-unaligned", "A direct read goes on where the short one before it ended.",
		dropIn, replace("$b.$readFrom = $from", "$from = $b.filled; $b.$readFrom = $from"),
	},
	{
		"remote-file-by-aio", "A remote file is read by kernel AIO.",
		dropIn, never(),
	},
	{
		"refused-reads-forgotten", "Reads that the kernel refused are not queued again.",
		dropIn, drop(),
	},
	{
		"deferred-reads-forgotten", "Transfers that queue their reads when the queue is short never do.",
		dropIn, drop(),
	},
	{
		"short-read-as-whole", "A short read is taken for the whole chunk.",
		dropIn, replace("$filled := min($_, $whole)", "$filled := $whole"),
	},

	// internal/docroot: the cache.
	{
		"cache-unbounded", "The cache keeps as many files open as it is asked for.",
		dropIn, replace("$open > $most", "$open > 1000*$most"),
	},
	{
		"pinned-for-ever", "A file that is in use when it is to be evicted is never evicted.",
		dropIn, replace("$unreferenced || $pinned", "$unreferenced"),
	},
	{
		"direct-descriptor-leak", "The descriptor for direct reads is not closed.",
		dropIn, replace("[...]$type{$fd, $direct}", "[...]$type{$fd}"),
	},
	{
		"remote-file-closed-by-loop", "The loop closes a remote file itself.",
		dropIn, replace("$remote || $gone", "$gone"),
	},
	{
		"remote-file-by-sendfile", "A remote file is sent by sendfile.",
		dropIn, replace("$dynamic || $remote", "$dynamic"),
	},
	{
		"disk-fault-remembered", "A fault of the disk is remembered as an absence is.",
		fileServer, replace("$failed && ($unremembered || $fault)", "$failed && $unremembered"),
	},

	// goloop: what is sent.
	{
		"full-socket-as-gone", "A full socket is taken for a client that has gone.",
		dropIn, replace("$c.$blocked = true", "l.abort($c, kernel.OpClose)"),
	},
	{
		"disk-fault-as-end", "A disk that fails ends the connection in order.",
		dropIn, replace("$l.abort($c, $_)", "$l.abort($c, kernel.OpClose)"),
	},
	{
		"truncation-as-end", "A file that became shorter ends the connection in order.",
		dropIn, replace("$l.abort($c, $_)", "$l.abort($c, kernel.OpClose)"),
	},
	{
		"closed-twice", "A connection that is closed is closed once more.",
		dropIn, replace("$l.$endConn($c)", "$l.abort($c, kernel.OpClose)"),
	},
	{
		"push-forgotten", "What a corked socket holds back is not pushed when its connection has to wait.",
		dropIn, replace("return $_", "return false"),
	},
	{
		"send-queue-capped", "One connection is served in an iteration, and stays in front while it has more to send.",
		dropIn, replace("!$sendable($c)", "!$sendable($c) || $c.slot != queue[0]"),
	},
	{
		"short-send-as-whole", "A short send of the head, and of the content in memory behind it, is taken for all of it.",
		dropIn, drop(),
	},
	{
		"short-sendfile-as-whole", "A short sendfile is taken for all that was asked for.",
		dropIn, replace("$op.Result", "$op.Len()"),
	},
	{
		"content-in-memory-unlimited", "Bytes of the content that are in memory behind the head are not held to the rates.",
		fileServer, replace("min($inMemory, $granted, $room)", "min($inMemory, $room)"),
	},
	{
		"residency-not-checked", "A chunk is sent by sendfile without a check whether it is in memory.",
		dropIn, replace("!$file.$resident($offset, $now)", "false"),
	},
	{
		"prefetched-for-ever", "What was prefetched once is taken to be in memory for ever.",
		dropIn, never(),
	},
	{
		"part-body-leak", "The buffers of a part of a dynamic file are not released before the next part.",
		fileServer, drop(),
	},

	// goloop: what is sent and received as records of TLS.
	{
		"record-not-taken-back", "Records that the socket has not begun to take keep their numbers, and are sealed again with others.",
		https, replace("$t.$records.Cut($first, $plain, $wire, $taken, $ends)", "$t.$records.Cut($first+1, $plain, $wire, $taken, $ends)"),
	},
	{
		"unsent-record-twice", "The rest of a record is sent again from its beginning after the socket has taken a part of it.",
		https, drop(),
	},
	{
		"rest-of-record-lost", "The rest of a record that the socket has begun to take is not kept.",
		https, never(),
	},
	{
		"close-notify-forgotten", "The last response of a connection ends without a close_notify.",
		https, never(),
	},
	{
		"handshake-rest-lost", "Records that arrive together with the end of a handshake are thrown away.",
		https, never(),
	},
	{
		"opened-record-forgotten", "A record that has arrived behind a request is not looked at before another event.",
		https, never(),
	},

	// goloop: what is received.
	{
		"wakeup-lost", "Epoll is not asked for more when a registered connection begins to wait for room.",
		dropIn, replace("$want &^ $mask != 0 || $unwanted", "$unwanted"),
	},
	{
		"reset-before-response", "A request body that is too long, or malformed, ends the connection at once.",
		fileServer, replace("$l.linger($c)", "$l.abort($c, kernel.OpClose)"),
	},
	{
		"bytes-behind-body-lost", "What follows a request body in the same receive is thrown away with it.",
		fileServer, replace("$rest[$n:]", "$rest[$n:][:0]"),
	},

	// goloop: connections, deadlines and jobs.
	{
		"accept-pause-lost", "Running out of descriptors does not pause accepting.",
		dropIn, drop(),
	},
	{
		"accept-not-resumed", "Accepting stays paused.",
		dropIn, drop(),
	},
	{
		"accept-when-quiet", "Connections are accepted only while no other one has sent anything.",
		dropIn, replace("$listener != nil", "$listener != nil && l.recvq.isEmpty()"),
	},
	{
		"event-of-closed-listener", "An event of a listener is handled that the drain has closed.",
		dropIn, replace("$i < $_", "true"),
	},
	{
		"receive-queue-capped", "One connection is received from in an iteration, however many have sent something.",
		dropIn, replace("$c.$queued = false", "$c.$queued = false; if slot != l.recvq.taken[0] { continue }"),
	},
	{
		"head-deadline-forgotten", "A client that stops in the middle of its request is waited for without end.",
		dropIn, replace("$cfg.HeadTimeout", "1000 * $cfg.HeadTimeout"),
	},
	{
		"send-deadline-forgotten", "A client that stops reading is waited for without end.",
		dropIn, replace("$cfg.SendTimeout", "1000 * $cfg.SendTimeout"),
	},
	{
		"retry-forgotten", "A connection that was refused something does not ask for it again.",
		dropIn, drop(),
	},
	{
		"finished-jobs-forgotten", "The event of the worker threads is forgotten.",
		dropIn, replace("true", "false"),
	},
	{
		"finished-jobs-one-by-one", "One job that a worker thread has done is taken back in an iteration.",
		dropIn, replace("$k.$fetch($jobs)", "$k.$fetch($jobs[:1])"),
	},
	{
		"job-of-earlier-tenant", "A job that a worker thread has done is taken for one of the slot's present connection.",
		dropIn, replace("$ours && $busy", "$busy"),
	},

	// What a request gets: its files, and the fields of its response.
	{
		"stale-file", "A name is not looked up again, and its former file is served.",
		dropIn, replace("$there && $same", "$there"),
	},
	{
		"found-files-dropped", "What a worker thread has found is not held until all names are known.",
		fileServer, replace("$n == $_", "$n == 1"),
	},
	{
		"stale-sibling", "A precompressed file is sent though the plain file is newer.",
		fileServer, replace("$there && $current && $allowed", "$there && $allowed"),
	},
	{
		"vary-forgotten", "A response with a part of a file does not say what it depends on.",
		fileServer, replace("$append", "if !strings.HasPrefix(string(r.Head), \"HTTP/1.1 206\") { $append }"),
	},

	// internal/http2, and how the loop serves streams.
	{
		"connection-window-ignored", "A stream sends what its own window lets it, whatever that of the connection is.",
		streams, replace("min($stream, $_)", "$stream"),
	},
	{
		"window-update-unnoticed", "A stream whose window opens does not go on.",
		streams, drop(),
	},
	{
		"windows-not-resized", "SETTINGS do not change the windows of streams that have begun.",
		streams, drop(),
	},
	{
		"table-not-shrunk", "A client without a table for header fields gets indices of it.",
		streams, never(),
	},
	{
		"head-awaits-window", "A response does not begin before there is a window for its content.",
		streams, replace("!$responding || $open", "$open"),
	},
	{
		"request-with-content-forgotten", "A request whose content has been awaited is not handed on.",
		streams, drop(),
	},
	{
		"file-read-twice", "A stream whose file is being read is asked for its next frames meanwhile.",
		streams, drop(),
	},
	{
		"window-not-given-back", "What was taken of a window for a read that brings less is not given back.",
		streams, drop(),
	},
	{
		"file-without-end", "The last frame of a file does not end its stream.",
		streams, replace("$last && $_", "false && $last"),
	},
	{
		"unsent-frames-twice", "Frames that the socket has taken in part are sent again from their beginning.",
		streams, replace("$out[$n:]", "$out[$n/2:]"),
	},
	{
		"gap-between-frames", "The place of a read that has brought less is sent with the frames around it.",
		streams, replace("$made == $at", "$made <= $at"),
	},
	{
		"reset-stream-goes-on", "A stream that its client has reset keeps what it has.",
		streams, drop(),
	},
	{
		"silent-client-awaited", "A client that stops in the middle of a frame is waited for without end.",
		streams, drop(),
	},
	{
		"waiting-load-forgotten", "A stream that waits until others have been loaded is not loaded then.",
		streams, drop(),
	},
	{
		"stream-bytes-leak", "The buffers of streams that are over count on.",
		streams, drop(),
	},
}
