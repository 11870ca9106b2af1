// Colours come from gradtrace/text/palette.py with the data, so that page and pictures look alike.

export interface BoxStyle {
  meaning: string;
  fill: string;
  border: string;
  ink: string;
  width: number;
  shape: string;
  double: boolean;
  dashed: boolean;
}

export interface Theme {
  name: string;
  paper: string;
  ink: string;
  muted: string;
  boxes: Record<"op" | "leaf" | "root" | "custom" | "folded" | "idle" | "non-finite" | "failed" | "cut", BoxStyle>;
  ramp: string[];
  no_gradient: string;
  non_finite: string;
  badge: string;
  badge_ink: string;
  cluster_fill: string;
  cluster_border: string;
  rule: string;
  drawn: string;
}

/** Norm of a gradient to width and colour, on a logarithmic scale at least one decade and at most eight wide. */
export class Scale {
  private constructor(
    readonly low: number,
    readonly high: number,
  ) {}

  static of(norms: Iterable<number>): Scale | null {
    let low = Infinity;
    let high = 0;
    for (const norm of norms) {
      if (!(norm > 0) || norm === Infinity) continue;
      if (norm < low) low = norm;
      if (norm > high) high = norm;
    }
    if (!high) return null;
    if (high < low * 10) {
      const middle = Math.sqrt(low) * Math.sqrt(high);
      [low, high] = [middle / Math.sqrt(10), middle * Math.sqrt(10)];
    }
    return new Scale(Math.max(low, high / 1e8), high);
  }

  /** 0 at the low end, 1 at the high end. */
  position(norm: number): number {
    return norm <= this.low ? 0 : Math.min(1, Math.log(norm / this.low) / Math.log(this.high / this.low));
  }

  width(norm: number): number {
    return 1 + 4 * this.position(norm);
  }

  colour(norm: number, theme: Theme): string {
    return theme.ramp[Math.min(theme.ramp.length - 1, Math.floor(this.position(norm) * theme.ramp.length))];
  }

  ticks(): number[] {
    return [this.low, Math.sqrt(this.low) * Math.sqrt(this.high), this.high];
  }
}
