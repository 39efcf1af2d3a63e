package consumer

import "time"

// State is what a partition's fetching does.
type State string

// The states of a partition.
const (
	StateOpen     State = "open"     // records are fetched
	StateHold     State = "hold"     // polling stopped for a moment, for every partition
	StatePaused   State = "paused"   // this partition is not fetched
	StateDraining State = "draining" // revoked: what was taken is finished, nothing is taken
)

// Report is what a consumer can say about itself at one moment.
type Report struct {
	Name        string   `json:"name"`
	Group       string   `json:"group"`
	Member      string   `json:"member"`
	State       State    `json:"state"`
	Reasons     []string `json:"reasons"`
	HeldBytes   int64    `json:"held_bytes"`
	BudgetBytes int64    `json:"budget_bytes"`
	HeldRecords int64    `json:"held_records"`
	Rebalances  int64    `json:"rebalances"`
	Pauses      int64    `json:"pauses"`
	// TimeIn is how long each state of fetching was in force.
	TimeIn map[State]time.Duration `json:"time_in_state_ns"`
	// DuplicatesIfKilled bounds how many records would be delivered a second time if the
	// process were killed now or within a commit interval: what is done and not committed,
	// what is in flight, and twice the most that has lately been completed between two commits.
	DuplicatesIfKilled int64             `json:"duplicates_if_killed"`
	Totals             Totals            `json:"totals"`
	Sinks              []SinkReport      `json:"sinks"`
	Partitions         []PartitionReport `json:"partitions"`
	// Tenants is those that hold most, ten at most.
	Tenants []TenantReport `json:"tenants,omitempty"`
}

// Totals counts records and messages since the start.
type Totals struct {
	Polled      int64 `json:"polled"`
	Done        int64 `json:"done"`
	Written     int64 `json:"written"`
	Retried     int64 `json:"retried"`
	DeadLetters int64 `json:"dead_letters"`
	Skipped     int64 `json:"skipped"`
	Dropped     int64 `json:"dropped"`
	MaxHeld     int64 `json:"max_held_bytes"`
}

// SinkReport is one sink's flow.
type SinkReport struct {
	Name      string    `json:"name"`
	Limit     int       `json:"limit"`
	InFlight  int       `json:"in_flight"`
	Queued    int       `json:"queued"`
	Reason    string    `json:"reason"`
	HoldUntil time.Time `json:"hold_until,omitzero"`
	// Wait is how long what waits for the sink would last at its pace. Fetching stops
	// when that stays above High and goes on below Low.
	Wait time.Duration `json:"wait_ns"`
	Low  time.Duration `json:"wait_low_ns"`
	High time.Duration `json:"wait_high_ns"`
	// Elasticity and Base are what an adaptive limiter knows of the sink, zero before it
	// does: how much of a further call is further work, and the time of a call that does not queue.
	Elasticity float64       `json:"elasticity"`
	Base       time.Duration `json:"base_ns"`
	// Shadow is where an adaptive limiter would go next from a fixed limit that it watches, zero without.
	Shadow int `json:"shadow,omitempty"`
	// P50 and P99 are quantiles of the last 512 writes, zero before the first.
	P50 time.Duration `json:"p50_ns"`
	P99 time.Duration `json:"p99_ns"`
	// Deadline is what a write of the usual size is given.
	Deadline time.Duration `json:"deadline_ns"`
	// Deaf counts the writes in flight that do not heed that their time is up.
	Deaf int `json:"deaf"`
	// QueuedMessages counts what waits for the sink, in flight or for a retry included.
	QueuedMessages int64 `json:"queued_messages"`
	// RetryBudget is what is left, in retries; at a half it is empty, and retries wait for successes to pay for them.
	RetryBudget float64 `json:"retry_budget"`
}

// TenantReport is what one tenant has in the process.
type TenantReport struct {
	Name        string `json:"name"`
	HeldRecords int64  `json:"held_records"`
	HeldBytes   int64  `json:"held_bytes"`
	// InFlight counts the records that were taken from their lanes and are not finished.
	InFlight int64 `json:"in_flight"`
	// Waits says why nothing more of it is taken for now, "" if something may be.
	Waits string `json:"waits"`
}

// PartitionReport is one partition's state.
type PartitionReport struct {
	Topic       string        `json:"topic"`
	Partition   int32         `json:"partition"`
	State       State         `json:"state"`
	Reasons     []string      `json:"reasons"`
	Oldest      int64         `json:"oldest_offset"`
	OldestAge   time.Duration `json:"oldest_age_ns"`
	LanesBusy   int           `json:"lanes_busy"`
	HeldRecords int64         `json:"held_records"`
	HeldBytes   int64         `json:"held_bytes"`
	// Committed is the offset the broker last acknowledged, -1 before the first commit.
	Committed int64 `json:"committed"`
	// DoneBeyond counts records that are done beyond the watermark.
	DoneBeyond int64 `json:"done_beyond"`
	// Lag is the end of the partition less what is committed, -1 when unknown: the end of the
	// last fetch, and where nothing is fetched one that is asked for each second. While a broker
	// does not answer that may be five seconds more ago.
	Lag                int64 `json:"lag"`
	DuplicatesIfKilled int64 `json:"duplicates_if_killed"`
}
