package config

import "strings"

// Nearest returns the one of the names that is most similar to an unknown name, or "".
func Nearest(name string, names []string) string {
	best, bestDistance := "", 0
	plain := strings.ToLower(strings.ReplaceAll(name, "_", "-"))
	for _, n := range names {
		d := distance(plain, strings.ToLower(n))
		if d > max(1, min(len(n), len(plain))/3) {
			// Half a name is meant, too, if enough of it is there.
			if len(plain) < 4 || !strings.HasPrefix(n, plain) {
				continue
			}
			d = len(n)
		}
		if best == "" || d < bestDistance {
			best, bestDistance = n, d
		}
	}
	return best
}

// didYouMean returns the end of an error message about an unknown name.
func didYouMean(name string, names []string) string {
	if n := Nearest(name, names); n != "" {
		return "; did you mean " + n + "?"
	}
	return ""
}

// distance returns the number of letters to insert, delete, replace or swap with their neighbour to turn a
// into b.
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
