package keys

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/apikeys"
	"github.com/sso-exec/sso-exec/internal/fault"
)

// parseSpan takes a length of time: 90d, 2w, or as time.ParseDuration has it.
func parseSpan(s string) (time.Duration, error) {
	for unit, d := range map[string]time.Duration{"d": apikeys.Day, "w": 7 * apikeys.Day} {
		if n, err := strconv.Atoi(strings.TrimSuffix(s, unit)); err == nil && strings.HasSuffix(s, unit) && n > 0 &&
			n <= 36500 {
			return time.Duration(n) * d, nil
		}
	}
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return 0, errors.New("give a length of time, as 90d, 2w or 12h")
	}
	return d, nil
}

// parseEnd takes the end of a key: a day, which ends it as it begins (UTC), a
// moment of RFC 3339, or how long from now.
func parseEnd(s string, now time.Time) (end time.Time, err error) {
	if s == "" {
		return time.Time{}, nil
	}
	if end, err = time.Parse(time.DateOnly, s); err != nil {
		end, err = time.Parse(time.RFC3339, s)
	}
	if err != nil {
		d, derr := parseSpan(s)
		if derr != nil {
			return end, fault.Usagef("--expires %s: give a day (2027-01-31), a moment (RFC 3339) or a length of time (90d)",
				apikeys.Told(s))
		}
		end = now.Add(d).Truncate(time.Second)
	}
	if !end.After(now) {
		return end, fault.Usagef("--expires %s: that is past", apikeys.Told(s))
	}
	return end.UTC(), nil
}

// parseMaxAge takes an age limit; 0 is none.
func parseMaxAge(s string) (seconds int64, err error) {
	if s == "" {
		return 0, nil
	}
	d, err := parseSpan(s)
	if err == nil && d < time.Second {
		err = errors.New("that is no age")
	}
	if err != nil {
		return 0, fault.Usagef("--max-age %s: %w", apikeys.Told(s), err)
	}
	return int64(d / time.Second), nil
}

// parseAddress checks a URL that a key is managed or checked at.
func parseAddress(flag, address string) error {
	if address == "" {
		return nil
	}
	if !strings.Contains(address, "://") && apikeys.LooksLikeKey(address) {
		return apikeys.ErrKeyOnArgv()
	}
	if _, err := flows.CheckURL("--"+flag, address); err != nil {
		return fault.InUsage(err)
	}
	return nil
}
