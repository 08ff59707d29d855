package docroot

import (
	"fmt"
	"testing"
	"time"

	"aws/internal/kernel"
)

// BenchmarkGetRelease is what the cache costs each request.
func BenchmarkGetRelease(b *testing.B) {
	for _, files := range []int{1, 1000} {
		b.Run(fmt.Sprint(files), func(b *testing.B) {
			c, m := NewCache(Limits{FilesMax: 4096, MaxAge: time.Hour}), &Mount{}
			var names [][]byte
			for i := range files {
				name := fmt.Sprintf("some/directory/file-%d", i)
				o := kernel.Opened{FD: int32(i + 10)}
				f := NewFile(m, name, kernel.Done, &o)
				c.Add(f, 0, nil)
				f.Release(nil)
				names = append(names, []byte(name))
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				f, _ := c.Get(m, names[i%files], time.Duration(i))
				f.Release(nil)
			}
		})
	}
}
