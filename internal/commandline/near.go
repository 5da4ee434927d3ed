package commandline

import (
	"fmt"
	"strings"
)

// DidYouMean names the nearest of the known words, if one is near.
func DidYouMean(word string, known []string) string {
	if near := Nearest(word, known); near != "" {
		return fmt.Sprintf(" (did you mean %q?)", near)
	}
	return ""
}

// Suggest names the nearest of the known words, or else all of them; two are always
// named. It follows the text of an error.
func Suggest(word string, known []string) string {
	if near := DidYouMean(word, known); near != "" && len(known) > 2 {
		return near
	}
	list := strings.Join(known, ", ")
	if i := strings.LastIndex(list, ", "); i >= 0 {
		list = list[:i] + " or " + list[i+2:]
	}
	return ": use " + list
}

// Nearest returns the known word that takes the fewest single-character edits
// to reach, if those are few (one, for a word of three characters); else the
// longest that is followed by more words (issuer of issuer-url); else nothing.
func Nearest(word string, known []string) string {
	best, least := "", max(2, len(word)/3)+1
	if len(word) < 4 {
		least = 2
	}
	for _, k := range known {
		if abs(len(word)-len(k)) >= least {
			continue // that many edits it takes at least
		}
		if d := distance(word, k); d < least {
			best, least = k, d
		}
	}
	if best != "" {
		return best
	}
	for _, k := range known {
		rest, ok := strings.CutPrefix(word, k)
		if ok && strings.IndexAny(rest, "-_") == 0 && len(k) > len(best) {
			best = k
		}
	}
	return best
}

func abs(n int) int { return max(n, -n) }

// distance is the Levenshtein distance, two neighbours that changed places being one
// edit.
func distance(a, b string) int {
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, last[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
