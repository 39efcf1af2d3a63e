package consumer

// turn is a lock that is held over a call to a broker. Who waits for it waits on
// a channel: in a test's virtual time that is a wait like any other, and the call
// that holds the lock gets on. Behind a sync.Mutex time would stand still.
type turn chan struct{}

func newTurn() turn { return make(turn, 1) }

func (t turn) Lock()   { t <- struct{}{} }
func (t turn) Unlock() { <-t }
