package apikeys

import (
	"fmt"
	"time"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/internal/talk"
)

// Date tells a day, and for one that is near the time.
func Date(t time.Time) string {
	if time.Until(t).Abs() < 2*Day {
		return t.Local().Format("2 Jan 2006, 15:04")
	}
	return t.Local().Format("2 Jan 2006")
}

// How long before its end a key's users are warned: a tenth of its life, two
// weeks at most; and how often they are.
const (
	warnAhead = 14 * Day
	warnPart  = 10
	WarnEvery = Day
)

// EndsSoon reports whether it is time to warn of a key's end.
func EndsSoon(k *cache.APIKey, now time.Time) bool {
	end := k.EndsAt()
	return !end.IsZero() && end.Sub(now) < min(warnAhead, end.Sub(k.CreatedAt)/warnPart)
}

// Day is the unit in which people count the life of a key.
const Day = 24 * time.Hour

// Span renders a length of time as people count the life of a key.
func Span(d time.Duration) string {
	switch {
	case d >= 2*Day:
		return fmt.Sprintf("%d days", int((d+Day/2)/Day))
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d hours", int((d+time.Hour/2)/time.Hour))
	}
	return talk.Rough(d)
}
