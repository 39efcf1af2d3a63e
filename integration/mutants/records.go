package main

// ofRecords are bugs between the fetch of a record and its messages.
func ofRecords() []mutant {
	const handle = "consumer/handle.go"
	return []mutant{
		{
			name: "key-in-two-lanes", stands: "I3b", what: "two records of one key are under way at the same time",
			edits: []edit{{"consumer/partition.go", "	h := maphash.Bytes(p.seed, rec.Key)\n", "	h := maphash.Bytes(p.seed, rec.Key) + uint64(rec.Offset%2)\n"}},
		},
		{
			name: "busy-lane-taken", stands: "I3b", what: "a lane is taken from though what was taken before is not finished",
			edits: []edit{{"consumer/internal/lane/scheduler.go", "	if !q.busy && !q.ready {\n", "	if !q.ready {\n"}},
		},
		{
			name: "retry-overtaken", stands: "I3b", what: "records behind one that is tried again do not wait for it",
			edits: []edit{
				{handle, "				h.at = h.b.groupEnd(h.at) - 1\n", ""},
				{handle, "	end := b.groupEnd(i)\n", "	end := i + 1\n"},
			},
		},
		{
			name: "failure-passed-over", stands: "P7", what: "a record whose handler failed is done with the next success",
			edits: []edit{{handle, "	if v == flow.Retry {\n		attempt++\n	}\n", "	if v == flow.Retry {\n		st.handled = true\n		return true\n	}\n"}},
		},
		{
			name: "handover-not-awaited", stands: "I3b", what: "behind a handler call that hung nobody waits for what went before it",
			edits: []edit{{"consumer/watch.go", "	if b.after == nil {\n", "	if b.after == nil || b.after != nil {\n"}},
		},
		{
			name: "poll-waits-for-handlers", stands: "P9", what: "the poll loop waits until what it took is finished",
			edits: []edit{{
				"consumer/poll.go", "			c.dispatch(fetches)\n",
				"			c.dispatch(fetches)\n			for c.heldRecords.Load() > 0 && ctx.Err() == nil {\n				pause(ctx, refusedDelay)\n			}\n",
			}},
			by: test{"consumer", "TestALongHandlerCallKeepsNothingElseWaiting"},
		},
		{
			name: "aborted-read", stands: "I5", what: "records of aborted transactions are delivered",
			edits: []edit{{"consumer/client.go", "		kgo.FetchIsolationLevel(kgo.ReadCommitted()),\n", ""}},
		},
	}
}
