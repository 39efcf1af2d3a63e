// Package consumer is the engine: it moves records from Kafka through a handler
// to sinks, and owns every goroutine that does.
//
//	PollRecords        poll.go       one goroutine, never waits for anything downstream
//	  partition        partition.go  one object an assignment: tracker, lanes, bytes held
//	  lane             internal/lane what may run next without breaking order
//	  Handler.Handle   handle.go     crew.go: as many workers as the handler needs
//	  writeStage       write.go      waits for room at the sink, joins what waits
//	  Sink.Write       call.go
//	  verdict          verdict.go    done | retry | overload | reject | ignore
//	  tracker          settle.go     internal/offset: the contiguous watermark
//	  commit           commit.go     one committer; and in revoke (rebalance.go)
//	  pressure         pressure.go   open | hold | paused, and why
//
// What it promises: a record is committed only after its last message was
// acknowledged, or its dead letter was, or its handler emitted nothing; records
// of one key are handled and written one at a time and in order; what is held
// stays within a budget in bytes; a slow sink never gets the member evicted. With
// tenants (tenant.go) each has its turn in the handlers and at the sinks, and what
// one has beyond its lanes is bounded, so that its backlog is in nobody's way.
//
// The budget bounds what is held and not the process: the runtime lets garbage grow to as
// much as is in use. A program tells it how much there may be, with debug.SetMemoryLimit or
// GOMEMLIMIT: its budgets and a twentieth of them, and 48 MiB for all else, as weir run does.
//
// What it does not: delivery is at least once. After a kill some records are
// delivered again, as few as the completion map in the commit allows; Explain
// says how many. Records without a key have no order among each other. A
// partition's log interleaves tenants and is fetched as a whole: once the backlog
// of one fills the memory, the others behind it in the log wait for it. The same
// holds for a queue inside a sink, which the limit of its calls keeps short.
package consumer
