package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// The depth of a cold download is what one connection of aws has in flight, eight reads of
// 128 KiB, times the connections; fio is asked for the same.
const (
	coldReadBytes    = 128 << 10
	coldReadsPerConn = 8
)

var coldDynamic = &scenario{
	Name: "dynamic-cold", networks: firstNetwork, Title: "Dynamic, not in the page cache",
	Method: "Clients that discard the data download eight files of 64 MiB that are not in memory, with asynchronous reads that bypass the page cache. " +
		"fio reads the same files with libaio and O_DIRECT, 128 KiB at a time, with the same number of reads in flight as aws: eight per connection.",
	show:  []metric{mBytes, mCPUPerMiB, mSwitches, mRSS, mBusy, mClient},
	once:  onceCold,
	quick: []string{"fio, depth 64", "aws serve, 8 clients", "nginx directio, 8 clients"},
	entries: []entry{
		{server: "fio", label: "fio, depth 16", conns: 2},
		{server: "aws serve", label: "aws serve, 2 clients", conns: 2},
		{server: "aws", label: "aws, 2 clients", conns: 2},
		{server: "nginx, directio", label: "nginx directio, 2 clients", conns: 2},
		{server: "fio", label: "fio, depth 64", conns: 8},
		{server: "aws serve", label: "aws serve, 8 clients", conns: 8},
		{server: "aws", label: "aws, 8 clients", conns: 8},
		{server: "nginx, directio", label: "nginx directio, 8 clients", conns: 8},
	},
	path: "/dynamic/" + file1K, // what is asked for until the server answers
}

func onceCold(b *bench, s *scenario, t *entry) (sample, []moment, error) {
	if err := evictCold(b.site); err != nil {
		return nil, nil, err
	}
	if t.server == "fio" {
		m, err := fio(b, t.conns*coldReadsPerConn)
		return m, nil, err
	}
	r, err := b.start(s, t, "")
	if err != nil {
		return nil, nil, err
	}
	defer r.stop()
	if err := b.check(r, t, coldPaths("dynamic")[0]); err != nil {
		return nil, nil, err
	}
	if err := evictCold(b.site); err != nil {
		return nil, nil, err
	}
	m, _, err := measure(&b.env, r, &load{
		conns: t.conns, close: t.server == "aws", paths: coldPaths("dynamic"), rampUp: b.rampUp, measured: b.measured,
	})
	return m, nil, err
}

// fio measures what the disk gives.
func fio(b *bench, depth int) (sample, error) {
	program, err := findProgram("fio")
	if err != nil {
		return nil, missingError{err}
	}
	var names []string
	for _, path := range coldPaths("dynamic") {
		names = append(names, filepath.Join(b.site, path))
	}
	cmd := exec.Command(program, "--name=cold", "--readonly", "--ioengine=libaio", "--direct=1", "--rw=read",
		"--bs="+strconv.Itoa(coldReadBytes), "--iodepth="+strconv.Itoa(depth), "--time_based",
		fmt.Sprintf("--runtime=%dms", b.measured.Milliseconds()), "--ramp_time=0",
		"--filename="+strings.Join(names, ":"), "--output-format=json")
	output, _, err := runOn(cmd, nil, serverCores...)
	if err != nil {
		return nil, err
	}
	var report struct {
		Jobs []struct {
			Read struct {
				Bytes float64 `json:"io_bytes"`
				Rate  float64 `json:"bw_bytes"`
			} `json:"read"`
			User    float64 `json:"usr_cpu"`
			System  float64 `json:"sys_cpu"`
			Runtime float64 `json:"job_runtime"` // milliseconds
		} `json:"jobs"`
	}
	if i := strings.IndexByte(output, '{'); i > 0 {
		output = output[i:] // fio may say something first
	}
	if err := json.Unmarshal([]byte(output), &report); err != nil || len(report.Jobs) != 1 {
		return nil, fmt.Errorf("fio's report: %w", errors.Join(err, errors.New("one job was expected")))
	}
	job := report.Jobs[0]
	busy := (job.User + job.System) / 100
	return sample{
		mBytes: job.Read.Rate, mBusy: busy,
		mCPUPerMiB: busy * job.Runtime * 1000 / (job.Read.Bytes / (1 << 20)),
	}, nil
}

// runOn runs a command in a namespace to its end, within patience, and returns what it printed.
func runOn(cmd *exec.Cmd, inside *namespace, cores ...int) (string, time.Duration, error) {
	var output, complaint strings.Builder
	cmd.Stdout, cmd.Stderr = &output, &complaint
	begin := time.Now()
	if err := startOn(cmd, inside, cores...); err != nil {
		return "", 0, err
	}
	watch := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer watch.Stop()
	if err := cmd.Wait(); err != nil {
		return "", 0, fmt.Errorf("%s: %w: %s", filepath.Base(cmd.Path), err, lastLines(complaint.String()))
	}
	return output.String(), time.Since(begin), nil
}

// The disks of the isolation scenarios.
const (
	slowBytesPerSecond = 20 << 20
	slowReadsPerSecond = 500
	fastBytesPerSecond = 256 << 20
	fastDuring         = 1200 * time.Millisecond // the cold files last longer
	hotConns           = 64
	coldConns          = 8
	isolationSlice     = 100 * time.Millisecond
	settling           = 300 * time.Millisecond // connections are made, caches filled
)

var isolationMetrics = []metric{mRate, mKept, mP99, mTail, mCold, mCPU}

const isolationMethod = "64 clients request a hot file of 1 KiB that is in memory: first alone, then together with eight clients that request %s from a disk that is limited to %s for the server's cgroup, then alone again. " +
	"The table shows the rate of the hot file together with the others, its share of the rate before, and the same for the 99th percentile."

var isolateStatic = &scenario{
	Name: "isolate-static", networks: firstNetwork, Title: "Isolation: cold static files on a slow disk", path: static1K, once: onceIsolated("static"), show: isolationMetrics, long: true,
	Method:  fmt.Sprintf(isolationMethod, "static files of 64 MiB that are not in memory", "20 MiB per second"),
	quick:   []string{"aws serve", "nginx", "nginx, directio"},
	entries: of("aws serve", "aws", "nginx", "nginx, aio threads", "nginx, directio", "h2o"),
}

var isolateDynamic = &scenario{
	Name: "isolate-dynamic", networks: firstNetwork, Title: "Isolation: cold dynamic files on a slow disk", path: static1K, once: onceIsolated("dynamic"), show: isolationMetrics, long: true,
	Method:  fmt.Sprintf(isolationMethod, "dynamic files of 64 MiB that are not in memory", "20 MiB per second"),
	quick:   []string{"aws serve"},
	entries: of("aws serve", "aws", "nginx, directio", "reference"),
}

var isolateNames = &scenario{
	Name: "isolate-names", networks: firstNetwork, Title: "Isolation: names that have never been seen", path: static1K, once: onceIsolated("names"), show: isolationMetrics, long: true,
	Method:  fmt.Sprintf(isolationMethod, "2,000 small files, each in its own directory and never requested before,", "500 reads per second"),
	quick:   []string{"aws serve"},
	entries: of("aws serve", "aws", "nginx", "h2o"),
}

var isolateFast = &scenario{
	Name: "isolate-fast", networks: firstNetwork, Title: "Isolation: cold static files on a fast disk", path: static1K, once: onceIsolated("fast"), show: isolationMetrics, long: true,
	Method: fmt.Sprintf(isolationMethod, "static files of 64 MiB that are not in memory", "256 MiB per second") +
		" Here the downloads take a part of the server's core, and have a right to it.",
	quick:   []string{"aws serve", "nginx, aio threads"},
	entries: of("aws serve", "aws", "nginx, aio threads", "nginx, directio"),
}

// onceIsolated measures a hot file before, beside and after something cold.
func onceIsolated(kind string) func(*bench, *scenario, *entry) (sample, []moment, error) {
	return func(b *bench, s *scenario, t *entry) (sample, []moment, error) {
		before, during := b.isolation, 3*b.isolation
		bytesPerSecond, readsPerSecond := slowBytesPerSecond, 0
		switch kind {
		case "names":
			bytesPerSecond, readsPerSecond = 0, slowReadsPerSecond
		case "fast":
			bytesPerSecond, during = fastBytesPerSecond, min(during, fastDuring)
		}
		slow, err := throttle(b.site, bytesPerSecond, readsPerSecond)
		if err != nil {
			return nil, nil, missingError{err}
		}
		defer slow.remove()
		r, err := b.start(s, t, slow.directory)
		if err != nil {
			return nil, nil, err
		}
		defer r.stop()
		closes := t.server == "aws" || t.server == "reference"
		cold := load{conns: coldConns, close: closes, measured: during, yields: true}
		if kind == "names" {
			for i := range nameFiles {
				cold.paths = append(cold.paths, "/static/"+deepName(i))
			}
			cold.requests = nameFiles
			err = dropNames()
		} else {
			cold.paths = coldPaths("static")
			if kind == "dynamic" {
				cold.paths = coldPaths(kind)
			}
			err = evictCold(b.site)
		}
		if err != nil {
			return nil, nil, err
		}
		if !r.at.responds(s.protocol, r.port, s.path) { // bring the hot file back
			return nil, nil, errors.New("the hot file is not served")
		}
		hot, err := newClient(&b.env, r.port, &load{
			conns: hotConns, close: closes, paths: []string{s.path}, slice: isolationSlice, measured: before + during + before,
			marks: []time.Duration{settling, before, before + during},
		})
		if err != nil {
			return nil, nil, err
		}
		coldClient, err := newClient(&b.env, r.port, &cold)
		if err != nil {
			return nil, nil, errors.Join(err, hot.abandon())
		}
		use, err := r.before()
		if err != nil {
			return nil, nil, errors.Join(err, hot.abandon(), coldClient.abandon())
		}
		if err := hot.begin(); err != nil {
			return nil, nil, errors.Join(err, hot.abandon(), coldClient.abandon())
		}
		time.Sleep(before)
		if err := coldClient.begin(); err != nil {
			return nil, nil, errors.Join(err, hot.abandon(), coldClient.abandon())
		}
		done := make(chan *outcome, 1)
		go func() {
			o, err := coldClient.result()
			if err != nil {
				o = &outcome{values: map[string]float64{}}
			}
			done <- o
		}()
		o, err := hot.result()
		coldOutcome := <-done
		if err != nil {
			return nil, nil, err
		}
		after, err := r.after()
		if err != nil {
			return nil, nil, err
		}
		m := sampleOf(o, use, after)
		if seconds := coldOutcome.values["seconds"]; seconds > 0 {
			m[mCold] = coldOutcome.values["all_bytes"] / seconds
		}
		return m, o.timeline, isolate(m, o.phases)
	}
}

// isolate compares the phase beside the cold clients with the one before.
func isolate(m sample, phases []moment) error {
	if len(phases) != 3 {
		return fmt.Errorf("the client has summed up %d phases of 3", len(phases))
	}
	rate := func(i int) float64 { return phases[i].Requests / (phases[i].At - phases[i-1].At).Seconds() }
	before, beside := phases[1], phases[2]
	m[mRate], m[mP99] = rate(2), beside.P99
	if before.Requests == 0 || before.P99 == 0 {
		return errors.New("the hot file was not served before")
	}
	m[mKept], m[mTail] = rate(2)/rate(1), beside.P99/before.P99
	return nil
}
