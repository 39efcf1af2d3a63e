package consumer

import (
	"context"
	"sync"
	"time"
)

// alarm wakes the partitions whose retries are due.
type alarm struct {
	mu   sync.Mutex
	due  time.Time
	kick chan struct{}
}

// set asks for a wake-up at due, if none comes before.
func (a *alarm) set(due time.Time) {
	a.mu.Lock()
	earlier := a.due.IsZero() || due.Before(a.due)
	if earlier {
		a.due = due
	}
	a.mu.Unlock()
	if earlier {
		select {
		case a.kick <- struct{}{}:
		default:
		}
	}
}

// alarmLoop runs until ctx ends.
func (c *Consumer) alarmLoop(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			c.alarm.mu.Lock()
			c.alarm.due = time.Time{}
			c.alarm.mu.Unlock()
			c.tenants.due()
			c.openTenants()
			for _, p := range c.partitions() {
				c.settle(p, p.wake())
			}
		case <-c.alarm.kick:
		case <-ctx.Done():
			return
		}
		c.alarm.mu.Lock()
		wait := time.Hour
		if !c.alarm.due.IsZero() {
			wait = max(c.alarm.due.Sub(c.now()), 0)
		}
		c.alarm.mu.Unlock()
		timer.Reset(wait)
	}
}
