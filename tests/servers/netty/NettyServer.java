import static io.netty.handler.codec.http.HttpHeaderNames.*;

import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.*;
import io.netty.channel.nio.NioEventLoopGroup;
import io.netty.channel.socket.SocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.handler.codec.http.*;
import io.netty.handler.codec.http.websocketx.TextWebSocketFrame;
import io.netty.handler.codec.http.websocketx.WebSocketServerProtocolHandler;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;

/** All five transports by Netty's own codecs. */
public final class NettyServer {
    private static final long INTERVAL_NS = 100_000_000L;
    private static final long STARTED = System.nanoTime();
    private static final AtomicInteger SUBSCRIBERS = new AtomicInteger();
    private static long latestNumber = -1;
    private static String latestText = "";

    /** A message with its number and its time. On Linux nanoTime is CLOCK_MONOTONIC. */
    static String message(long number) {
        return "{\"t\":" + System.nanoTime() + ",\"seq\":" + number + ",\"price\":12.3}";
    }

    static long nextPhase() {
        return (long) (SUBSCRIBERS.incrementAndGet() * 0.618034 % 1 * INTERVAL_NS);
    }

    static long newest(long phase) {
        return Math.floorDiv(System.nanoTime() - STARTED - phase, INTERVAL_NS);
    }

    static long due(long phase, long number) {
        return Math.max(0, STARTED + phase + number * INTERVAL_NS - System.nanoTime());
    }

    static synchronized String latest() {
        long number = newest(0);
        if (number != latestNumber) {
            latestNumber = number;
            latestText = message(number);
        }
        return latestText;
    }

    static ByteBuf bytes(String text) {
        return Unpooled.copiedBuffer(text, StandardCharsets.UTF_8);
    }

    /** Writes each message of a phase of its own until the channel is closed. */
    static void subscribe(ChannelHandlerContext context, String uri, Function<String, Object> wrap) {
        var values = new QueryStringDecoder(uri).parameters().get("drop");
        int drop = values == null ? 0 : Integer.parseInt(values.get(0));
        long phase = nextPhase();
        next(context, wrap, drop, phase, newest(phase) + 1);
    }

    private static void next(
            ChannelHandlerContext context, Function<String, Object> wrap, int drop, long phase, long number) {
        context.executor().schedule(() -> {
            if (!context.channel().isActive()) {
                return;
            }
            if (drop == 0 || number % drop != 0) {
                context.writeAndFlush(wrap.apply(message(number)));
            }
            next(context, wrap, drop, phase, number + 1);
        }, due(phase, number), TimeUnit.NANOSECONDS);
    }

    static final class Http extends SimpleChannelInboundHandler<FullHttpRequest> {
        private final long phase = nextPhase();

        @Override
        protected void channelRead0(ChannelHandlerContext context, FullHttpRequest request) {
            String uri = request.uri();
            switch (new QueryStringDecoder(uri).path()) {
                case "/latest" -> answer(context, latest());
                case "/next" -> {
                    long number = newest(phase) + 1;
                    context.executor().schedule(
                            () -> answer(context, message(number)), due(phase, number), TimeUnit.NANOSECONDS);
                }
                case "/stream" -> {
                    begin(context, "application/json");
                    subscribe(context, uri, text -> new DefaultHttpContent(bytes(text)));
                }
                case "/events" -> {
                    begin(context, "text/event-stream");
                    subscribe(context, uri, text -> new DefaultHttpContent(bytes("data: " + text + "\n\n")));
                }
                default -> {
                    var response = new DefaultFullHttpResponse(HttpVersion.HTTP_1_1, HttpResponseStatus.NOT_FOUND);
                    response.headers().set(CONTENT_LENGTH, 0);
                    context.writeAndFlush(response);
                }
            }
        }

        private static void answer(ChannelHandlerContext context, String text) {
            var response =
                    new DefaultFullHttpResponse(HttpVersion.HTTP_1_1, HttpResponseStatus.OK, bytes(text));
            response.headers().set(CONTENT_TYPE, "application/json");
            response.headers().set(CONTENT_LENGTH, response.content().readableBytes());
            context.writeAndFlush(response);
        }

        private static void begin(ChannelHandlerContext context, String type) {
            var response = new DefaultHttpResponse(HttpVersion.HTTP_1_1, HttpResponseStatus.OK);
            response.headers().set(CONTENT_TYPE, type).set(TRANSFER_ENCODING, "chunked");
            context.writeAndFlush(response);
        }
    }

    /** Sends messages once the handshake is complete; what clients send is ignored. */
    static final class Live extends SimpleChannelInboundHandler<Object> {
        @Override
        public void userEventTriggered(ChannelHandlerContext context, Object event) {
            if (event instanceof WebSocketServerProtocolHandler.HandshakeComplete complete) {
                subscribe(context, complete.requestUri(), TextWebSocketFrame::new);
            }
        }

        @Override
        protected void channelRead0(ChannelHandlerContext context, Object frame) {}
    }

    /** Upgrades /live, and leaves every other request to {@link Http}. */
    static final class Route extends ChannelInboundHandlerAdapter {
        @Override
        public void channelRead(ChannelHandlerContext context, Object message) {
            if (message instanceof FullHttpRequest request && request.uri().startsWith("/live")) {
                context.pipeline().remove(Http.class);
                context.pipeline().addLast(new WebSocketServerProtocolHandler("/live", null, false, 65536, false, true));
                context.pipeline().addLast(new Live());
            }
            context.fireChannelRead(message);
        }
    }

    public static void main(String[] arguments) throws Exception {
        new ServerBootstrap()
                .group(new NioEventLoopGroup(1), new NioEventLoopGroup(1))
                .channel(NioServerSocketChannel.class)
                .option(ChannelOption.SO_BACKLOG, 1024)
                .childHandler(new ChannelInitializer<SocketChannel>() {
                    @Override
                    protected void initChannel(SocketChannel channel) {
                        channel.pipeline().addLast(
                                new HttpServerCodec(), new HttpObjectAggregator(65536), new Route(), new Http());
                    }
                })
                .bind("127.0.0.1", Integer.parseInt(arguments[0]))
                .sync()
                .channel()
                .closeFuture()
                .sync();
    }
}
