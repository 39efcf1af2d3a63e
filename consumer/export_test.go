package consumer

// TenantCounts returns what tenants have beyond their lanes: all zero at rest.
func (c *Consumer) TenantCounts() (waiting, handling int, out int64) {
	t := c.tenants
	t.mu.Lock()
	defer t.mu.Unlock()
	waiting, handling = t.waiting, t.handling
	for _, s := range t.slots {
		if s.waiting < 0 || s.resting < 0 || s.handling < 0 || s.out < 0 || s.records < 0 || s.bytes < 0 {
			return -1, -1, -1
		}
		waiting += s.resting
		out += s.out + s.records + s.bytes
	}
	return waiting, handling, out
}

// Workers returns how many workers the handler stage has.
func (c *Consumer) Workers() int {
	c.crew.mu.Lock()
	defer c.crew.mu.Unlock()
	return c.crew.workers
}
