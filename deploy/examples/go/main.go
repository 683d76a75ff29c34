// Publishes an event and prints the list that answers it, or prints a user's lists as they come.
//
//	BROKER=localhost:9092 go run . publish USER ITEM TYPE
//	BROKER=localhost:9092 go run . watch USER
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const answerWithin = 30 * time.Second

var (
	broker = setting("BROKER", "localhost:9092")
	events = setting("PREFIX", "headwater.") + "events"
	lists  = setting("PREFIX", "headwater.") + "recommendations"
)

type event struct {
	UserID string `json:"user_id"`
	ItemID string `json:"item_id"`
	Type   string `json:"type"`
}

type list struct {
	Source *struct {
		Topic     string `json:"topic"`
		Partition int32  `json:"partition"`
		Offset    int64  `json:"offset"`
	} `json:"source"`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	var err error
	switch args := os.Args[1:]; {
	case len(args) == 4 && args[0] == "publish":
		err = publish(ctx, args[1], args[2], args[3])
	case len(args) == 2 && args[0] == "watch":
		err = watch(ctx, args[1])
	default:
		fmt.Fprintln(os.Stderr, "usage: example publish USER ITEM TYPE | watch USER")
		os.Exit(2)
	}
	if err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// publish sends one event and prints the list that answers it.
func publish(ctx context.Context, user, item, kind string) error {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	client, err := kgo.NewClient(
		kgo.SeedBrokers(broker),
		// The default, named because it matters: murmur2 of the key, where headwater keeps the user.
		kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)),
	)
	if err != nil {
		return err
	}
	defer client.Close()
	// Where the lists end now; the answer comes after.
	ends, err := kadm.NewClient(client).ListEndOffsets(ctx, lists)
	if err = errors.Join(err, ends.Error()); err != nil {
		return err
	}
	value, err := json.Marshal(event{user, item, kind})
	if err != nil {
		return err
	}
	record := &kgo.Record{Topic: events, Key: []byte(user), Value: value}
	sent, err := client.ProduceSync(ctx, record).First()
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%s[%d] offset %d\n", sent.Topic, sent.Partition, sent.Offset)
	err = eachList(ctx, user, func(value []byte) bool {
		answered := answers(value, sent)
		if answered {
			fmt.Println(string(value))
		}
		return answered
	}, kgo.ConsumePartitions(ends.KOffsets()))
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("no list within %s: does a worker run?", answerWithin)
	}
	return err
}

// watch prints a user's lists until it is stopped; the last line is the newest.
func watch(ctx context.Context, user string) error {
	return eachList(ctx, user, func(value []byte) bool {
		if value == nil { // the user was forgotten
			value = []byte("null")
		}
		fmt.Println(string(value))
		return false
	}, kgo.ConsumeTopics(lists), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
}

// answers tells whether the list's source is at or past the event, in the same partition.
func answers(value []byte, sent *kgo.Record) bool {
	var found list
	if json.Unmarshal(value, &found) != nil || found.Source == nil {
		return false
	}
	source := found.Source
	return source.Topic == sent.Topic && source.Partition == sent.Partition &&
		source.Offset >= sent.Offset
}

// eachList calls f with each list of the user as it comes, until f has enough.
func eachList(ctx context.Context, user string, f func([]byte) bool, from ...kgo.Opt) error {
	client, err := kgo.NewClient(append(from, kgo.SeedBrokers(broker))...)
	if err != nil {
		return err
	}
	defer client.Close()
	for {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return err
		}
		for _, record := range fetches.Records() {
			if string(record.Key) == user && f(record.Value) {
				return nil
			}
		}
	}
}

func setting(name, standard string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return standard
}
