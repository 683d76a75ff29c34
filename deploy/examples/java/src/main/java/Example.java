import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Publishes an event and prints the list that answers it, or prints a user's lists as they come.
 *
 * <pre>
 * BROKER=localhost:9092 java -cp … Example publish USER ITEM TYPE
 * BROKER=localhost:9092 java -cp … Example watch USER
 * </pre>
 */
public final class Example {
  private static final String BROKER = setting("BROKER", "localhost:9092");
  private static final String EVENTS = setting("PREFIX", "headwater.") + "events";
  private static final String LISTS = setting("PREFIX", "headwater.") + "recommendations";
  private static final Duration ANSWER_WITHIN = Duration.ofSeconds(30);
  private static final ObjectMapper JSON = new ObjectMapper();

  public static void main(String[] args) throws Exception {
    if (args.length == 4 && args[0].equals("publish")) {
      publish(args[1], args[2], args[3]);
    } else if (args.length == 2 && args[0].equals("watch")) {
      watch(args[1]);
    } else {
      System.err.println("usage: Example publish USER ITEM TYPE | watch USER");
      System.exit(2);
    }
  }

  /** Sends one event and prints the list that answers it. */
  private static void publish(String user, String item, String type) throws Exception {
    try (var lists = reader()) {
      lists.seekToEnd(lists.assignment());
      lists.assignment().forEach(lists::position); // now, not at the first poll
      RecordMetadata sent =
          send(user, JSON.writeValueAsString(Map.of("user_id", user, "item_id", item, "type", type)));
      System.err.printf("%s[%d] offset %d%n", sent.topic(), sent.partition(), sent.offset());
      Instant deadline = Instant.now().plus(ANSWER_WITHIN);
      while (Instant.now().isBefore(deadline)) {
        for (ConsumerRecord<String, String> list : lists.poll(Duration.ofMillis(500))) {
          if (user.equals(list.key()) && answers(list.value(), sent)) {
            System.out.println(list.value());
            return;
          }
        }
      }
    }
    System.err.println("no list within " + ANSWER_WITHIN.toSeconds() + " s: does a worker run?");
    System.exit(1);
  }

  /** Prints a user's lists until it is stopped; the last line is the newest. */
  private static void watch(String user) {
    try (var lists = reader()) {
      lists.seekToBeginning(lists.assignment());
      while (true) {
        for (ConsumerRecord<String, String> list : lists.poll(Duration.ofMillis(500))) {
          if (user.equals(list.key())) {
            System.out.println(list.value()); // null: the user was forgotten
          }
        }
      }
    }
  }

  /** Sends an event; the default partitioner is murmur2 of the key, where headwater keeps the user. */
  private static RecordMetadata send(String user, String event) throws Exception {
    var text = new StringSerializer();
    Map<String, Object> config =
        Map.of("bootstrap.servers", BROKER, "acks", "all", "max.block.ms", ANSWER_WITHIN.toMillis());
    try (var producer = new KafkaProducer<>(config, text, text)) {
      return producer.send(new ProducerRecord<>(EVENTS, user, event)).get();
    }
  }

  /** Whether the list's source is at or past the event, in the same partition. */
  private static boolean answers(String list, RecordMetadata sent) throws Exception {
    if (list == null) {
      return false;
    }
    JsonNode source = JSON.readTree(list).path("source");
    return source.path("topic").asText().equals(sent.topic())
        && source.path("partition").asInt(-1) == sent.partition()
        && source.path("offset").asLong(-1) >= sent.offset();
  }

  /** A reader of all partitions of the lists, without a group. */
  private static KafkaConsumer<String, String> reader() {
    var text = new StringDeserializer();
    var consumer = new KafkaConsumer<>(Map.of("bootstrap.servers", BROKER), text, text);
    List<TopicPartition> all =
        consumer.partitionsFor(LISTS).stream()
            .map(one -> new TopicPartition(one.topic(), one.partition()))
            .toList();
    consumer.assign(all);
    return consumer;
  }

  private static String setting(String name, String standard) {
    String value = System.getenv(name);
    return value == null || value.isEmpty() ? standard : value;
  }
}
