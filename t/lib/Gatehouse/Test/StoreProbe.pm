# A gateway whose locations are the operations of the store: see
# t/lib/store-probe. For t/store*.t.
package Gatehouse::Test::StoreProbe;

use strict;
use warnings;

use Gatehouse::Test::Http;

our @ISA = qw(Gatehouse::Test);


# What Gatehouse::Test->new takes; spec => what stands after "lmdb:DIR" or
# instead of it, words => "deadline=300 queue=5 ...", redis => what stands in
# a block of the name "shared" (for spec => "redis=shared")
sub new {
    my ($class, %arg) = @_;
    my $self = Gatehouse::Test::new($class, store => 0, policies => 0,
                                    status => 0, decisions => 0, %arg);
    my $build = Gatehouse::Test::build();

    system(Gatehouse::Test::root() . '/t/lib/store-probe/build') == 0
        or die "the store probe does not build\n";

    $self->{main} = "load_module $build/store_probe.so;\n"
                  . ($arg{main} // '');
    $self->{block} = $arg{redis} ? "store_probe_redis shared { $arg{redis} }\n"
                                 : '';
    $self->{locations} = 'location / { store_probe_location; }';
    $self->spec($arg{spec} // '', $arg{words} // '');
    return $self;
}


# For the next start or reload.
sub spec {
    my ($self, $spec, $words) = @_;
    my $dir = "$self->{dir}/state";

    $spec = "lmdb:$dir$spec" if $spec !~ /^\w+[:=]/;
    $_ =~ s/DIR/$dir/ for $spec, $self->{block};
    $self->{http} = "$self->{block}store_probe $spec " . ($words // '')
                  . ";\n";
    return $self;
}


sub start  { my ($self) = @_; return $self->SUPER::start(parts($self)) }
sub parts  { return map { $_ => $_[0]{$_} } qw(main http locations) }


# ask('put', name => 'a', value => 1): its answer, word by word.
sub ask {
    my ($self, $what, %arg) = @_;
    my $res = $self->get(target($what, %arg));
    return $res->status == 200 ? answer($res->body)
                               : { rc => 'status ' . $res->status };
}


sub target {
    my ($what, %arg) = @_;
    my @args = map { "$_=" . escaped($arg{$_}) } sort keys %arg;
    return "/$what?" . join '&', @args;
}


sub escaped {
    my ($text) = @_;
    return $text =~ s/([^\w.-])/sprintf '%%%02X', ord $1/ger;
}


sub answer {
    my ($body) = @_;
    return { map { /^(\w+)=(.*)$/ ? ($1 => $2) : () } split /\n/, $body };
}


sub state { return $_[0]->ask('state') }


# The same without waiting: ->answer gives what ask would have.
sub begin {
    my ($self, $what, %arg) = @_;
    my $http = $self->connect;
    $http->send_raw(Gatehouse::Test::Http::format_request(
        'GET', target($what, %arg), [ [ Host => 'localhost' ] ]));
    return bless { http => $http }, 'Gatehouse::Test::StoreProbe::Asked';
}


# A process that holds the lock that writers share; ->stop, ->go_on, ->end.
sub holder {
    my ($self) = @_;
    return Gatehouse::Test::StoreProbe::Holder->new("$self->{dir}/state");
}


package Gatehouse::Test::StoreProbe::Asked;

sub answer {
    my ($self) = @_;
    my $res = $self->{http}->read_response('GET', 30);
    return Gatehouse::Test::StoreProbe::answer($res->body // '');
}


package Gatehouse::Test::StoreProbe::Holder;

sub new {
    my ($class, $dir) = @_;
    my $build = Gatehouse::Test::build();

    pipe my $in, my $to or die "pipe: $!\n";
    pipe my $from, my $out or die "pipe: $!\n";

    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        open STDIN,  '<&', $in;
        open STDOUT, '>&', $out;
        my ($uid, $gid) = (stat $dir)[4, 5];
        # from within: what lies above the build may be closed to that user
        chdir $build;
        ($), $() = ("$gid $gid", $gid);
        ($<, $>) = ($uid, $uid);
        exec './store-holder', $dir or POSIX::_exit(127);
    }

    close $in;
    close $out;
    my $said = <$from> // '';
    $said eq "held\n" or die "no lock to hold\n";
    return bless { pid => $pid, to => $to, owner => $$ }, $class;
}


sub stop  { kill 'STOP', $_[0]{pid}; return $_[0] }
sub go_on { kill 'CONT', $_[0]{pid}; return $_[0] }


sub end {
    my ($self) = @_;
    my $pid = delete $self->{pid} or return;
    kill 'CONT', $pid;
    close $self->{to};
    local $?;
    waitpid $pid, 0;
    return;
}


sub DESTROY { $_[0]->end if $_[0]{owner} == $$; return }

1;
