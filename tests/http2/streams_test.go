package http2

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"
)

// fetch compares a file with what the server sends.
func fetch(ctx context.Context, c *http.Client, base, name string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/"+name, nil)
	if err != nil {
		return err
	}
	response, err := c.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	switch {
	case err != nil:
		return err
	case response.StatusCode != http.StatusOK || response.ProtoMajor != 2:
		return fmt.Errorf("%s by %s", response.Status, response.Proto)
	case !bytes.Equal(body, contents[name]):
		return fmt.Errorf("%s: %d bytes that are not the file's", name, len(body))
	}
	return nil
}

// TestManyStreams downloads files on one connection, a hundred at once. Some are given up midway.
func TestManyStreams(t *testing.T) {
	s := serve(t, newRoot(t))
	both(t, func(t *testing.T, secure bool) {
		c, base := client(t, s, secure)
		var group sync.WaitGroup
		for i := range 100 {
			group.Go(func() {
				rnd := rand.New(rand.NewPCG(uint64(i), 1))
				for range 6 {
					name := pick(rnd, "large", "large", "dynamic/large", "dynamic/small", "page", "small", "empty", "dir/b")
					ctx, cancel := context.WithCancel(t.Context())
					given := rnd.IntN(5) == 0
					if given {
						time.AfterFunc(time.Duration(rnd.IntN(20))*time.Millisecond, cancel)
					}
					if err := fetch(ctx, c, base, name); err != nil && !(given && errors.Is(err, context.Canceled)) {
						t.Error(err)
					}
					cancel()
				}
			})
		}
		group.Wait()
	})
	if code := s.Stop(t); code != 0 {
		t.Errorf("exit status %d", code)
	}
}
