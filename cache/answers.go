package cache

import (
	"slices"
	"time"
)

// mostAnswers is how many answers are kept; when there are more, the older half goes.
const mostAnswers = 256

// WriteAnswer keeps how to repeat an answer, by a name of the caller's. It is no secret,
// and where it is lost, or damaged, the answer is worked out again.
func (s *Store) WriteAnswer(name string, b []byte) error {
	d, err := s.open(true, "answers")
	if err != nil {
		return err
	}
	defer d.Close()
	names, err := d.Names()
	if err == nil && len(names) >= mostAnswers {
		changed := map[string]time.Time{}
		for _, n := range names {
			changed[n], _ = d.ModTime(n)
		}
		slices.SortFunc(names, func(a, b string) int { return changed[a].Compare(changed[b]) })
		for _, n := range names[:len(names)-mostAnswers/2] {
			_ = d.Remove(n)
		}
	}
	return d.Write(tempPrefix, name, b, false)
}
