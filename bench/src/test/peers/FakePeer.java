import java.util.Scanner;

/** Answers as bench/gpu/peer.py does, without computing. */
public class FakePeer {
  /** With {@code --device broken} its results are wrong; with {@code ends} it ends once. */
  public static void main(String[] arguments) {
    double error = arguments[1].equals("broken") ? 0.5 : 0.002;
    System.out.println("{\"torch\": \"none\", \"cuda\": null, \"cudnn\": 0}");
    Scanner in = new Scanner(System.in);
    while (in.hasNextLine()) {
      String request = in.nextLine();
      if (request.contains("\"quit\"")) {
        return;
      }
      if (request.contains("\"graph\"")) {
        System.out.println("{\"error\": \"ValueError: only training steps\"}");
      } else if (arguments[1].equals("ends")
          && request.contains("INPUT_GRADIENT")
          && request.contains("\"in\":3")) {
        return;
      } else if (request.contains("\"prepare\"")) {
        System.out.println(
            "{\"peak_bytes\": 1048576, \"parameters\": 0, \"error_of_result\": " + error + "}");
      } else {
        System.out.println("{\"ms\": 2}");
      }
    }
  }
}
