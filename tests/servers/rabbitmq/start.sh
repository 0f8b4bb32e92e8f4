# Starts RabbitMQ from the unpacked packages: they are laid over /usr, where it looks for itself, in a mount
# namespace of its own. The first argument is the packages' folder, the second one of its own, the third
# the port for STOMP over WebSocket, the fourth the one for STOMP over TCP.
set -e
mount -t overlay overlay -o "lowerdir=$1/usr:/usr" /usr
export HOME=$2
export RABBITMQ_NODENAME=rabbit@localhost RABBITMQ_USE_LONGNAME=false RABBITMQ_DIST_PORT=$(($4 + 1))
export ERL_EPMD_PORT=$(($4 + 2)) ERL_EPMD_ADDRESS=127.0.0.1
export RABBITMQ_MNESIA_BASE=$2/mnesia RABBITMQ_LOGS=- RABBITMQ_CONFIG_FILE=$2/rabbitmq.conf
export RABBITMQ_ENABLED_PLUGINS_FILE=$2/enabled_plugins RABBITMQ_PID_FILE=$2/pid
echo '[rabbitmq_web_stomp].' >"$RABBITMQ_ENABLED_PLUGINS_FILE"
cat >"$RABBITMQ_CONFIG_FILE" <<CONFIG
listeners.tcp = none
stomp.listeners.tcp.1 = 127.0.0.1:$4
web_stomp.tcp.ip = 127.0.0.1
web_stomp.tcp.port = $3
CONFIG
exec /usr/lib/rabbitmq/bin/rabbitmq-server
