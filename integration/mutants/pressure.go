package main

// ofPressure are bugs in what is done when there is too much.
func ofPressure() []mutant {
	const reconcile = "consumer/reconcile.go"
	return []mutant{
		{
			name: "dropped-on-pause", stands: "I1", what: "what is queued when a partition is paused is dropped as done",
			edits: []edit{{
				reconcile, "			c.totals.pauses.Add(1)\n",
				`			c.totals.pauses.Add(1)
			p.mu.Lock()
			p.lanes.Each(func(it *item) { p.tracker.Done(it.seq) })
			bytes, records := p.dropQueued()
			p.mu.Unlock()
			c.free(bytes, records)
`,
			}},
		},
		{
			name: "resume-forgotten", stands: "I9", what: "what was paused is never fetched again",
			edits: []edit{{reconcile, "		c.client.ResumeFetchPartitions(resume)\n", ""}},
		},
		{
			name: "pressure-leaves-group", stands: "P11", what: "a member that is given too much leaves its group",
			edits: []edit{{reconcile, "		c.client.PauseFetchPartitions(pause)\n", "		c.client.PauseFetchPartitions(pause)\n		c.client.LeaveGroup()\n"}},
		},
		{
			name: "memory-in-records", stands: "P8", what: "the budget counts records, whatever their size",
			edits: []edit{{"consumer/batch.go", "	n := len(r.Key) + len(r.Value) + recordOverhead\n", "	n := recordOverhead\n"}},
		},
		{
			name: "memory-never-given-back", stands: "I8", what: "what is finished still counts in the budget",
			edits: []edit{{"consumer/room.go", "	after := c.held.Add(-bytes)\n", "	after := c.held.Add(-bytes / 2)\n"}},
			by:    test{"consumer", "TestLargeRecordsStayWithinTheBudget"},
		},
	}
}
